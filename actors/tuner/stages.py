"""The two stages of tuning (paper: Learning Strategy): what learns in each, and how fast.

Stage 1 maps capabilities to words: only the connector learns, and a head of its own where the
network has one. In stage 2 everything learns, all but the decoder faster than it; less where the
settings say so (``frozen_layers``, ``tune_encoder``). Steps and their order are ``course``'s.
"""

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_cosine_schedule_with_warmup

from actors.selector.network import ModelSat
from cluster.errors import SettingsError
from cluster.settings import StageSettings, TuningSettings

STAGES = (1, 2)
BY_DEFAULT = TuningSettings()
WARMUP = 0.1  # share of a stage's steps in which the learning rate rises


def stage_settings(settings: TuningSettings, stage: int) -> StageSettings:
    """The settings of a stage."""
    return {1: settings.stage1, 2: settings.stage2}[stage]


def stages_of(model: ModelSat, settings: TuningSettings) -> tuple[int, ...]:
    """The stages in which anything learns.

    Raises:
        SettingsError: the first one shall have epochs, and the network has no part of its own.
    """
    if any(list(part.parameters()) for part in model.own_parts().values()):
        return STAGES
    if settings.stage1.epochs:
        raise SettingsError(
            "key 'tuning.stage1.epochs': must be 0 for a selector without connector and head; "
            f"found {settings.stage1.epochs}"
        )
    return STAGES[1:]


def enter_stage(model: ModelSat, stage: int, settings: TuningSettings = BY_DEFAULT) -> None:
    """Freezes what does not learn in a stage and frees what does.

    Raises:
        SettingsError: more layers shall be frozen than the decoder has.
    """
    model.requires_grad_(stage == 2)
    if not settings.tune_encoder:
        model.encoder.requires_grad_(False)
    if settings.frozen_layers:
        for part in _lowest(model, settings.frozen_layers):
            part.requires_grad_(False)
    for part in model.own_parts().values():
        part.requires_grad_(True)


def make_optimizer(model: ModelSat, stage: int, settings: StageSettings) -> AdamW:
    """AdamW over what learns in the stage."""
    own = [weight for part in model.own_parts().values() for weight in part.parameters()]
    if stage == 1:
        return AdamW(own, lr=settings.lr)
    encoder = [weight for weight in model.encoder.parameters() if weight.requires_grad]
    return AdamW(
        [
            {
                "params": [weight for weight in model.decoder.parameters() if weight.requires_grad],
                "lr": settings.lr,
            },
            {"params": [*encoder, *own], "lr": settings.lr * settings.lr_scale},
        ]
    )


def _lowest(model: ModelSat, count: int) -> list[nn.Module]:
    """Word embeddings and the first layers of the decoder."""
    layers = getattr(model.decoder.base_model, "layers", ())
    if count > len(layers):
        raise SettingsError(
            f"key 'tuning.frozen_layers': the decoder has {len(layers)} layers; found {count}"
        )
    return [model.decoder.get_input_embeddings(), *layers[:count]]


def make_scheduler(optimizer: AdamW, steps: int) -> LambdaLR:
    """Linear warm-up, then a cosine down to zero at the last of ``steps``."""
    scheduler: LambdaLR = get_cosine_schedule_with_warmup(optimizer, round(WARMUP * steps), steps)
    return scheduler
