"""The two stages of tuning (paper: Learning Strategy): what learns in each, and how fast.

Stage 1 maps capabilities to words: only the connector learns, and a head of its own where the
network has one. In stage 2 everything learns, all but the decoder faster than it. Steps and their
order are ``course``'s.
"""

from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_cosine_schedule_with_warmup

from actors.selector.network import ModelSat
from cluster.settings import StageSettings, TuningSettings

STAGES = (1, 2)
WARMUP = 0.1  # share of a stage's steps in which the learning rate rises


def stage_settings(settings: TuningSettings, stage: int) -> StageSettings:
    """The settings of a stage."""
    return {1: settings.stage1, 2: settings.stage2}[stage]


def enter_stage(model: ModelSat, stage: int) -> None:
    """Freezes what does not learn in a stage and frees what does."""
    model.requires_grad_(stage == 2)
    for part in model.own_parts().values():
        part.requires_grad_(True)


def make_optimizer(model: ModelSat, stage: int, settings: StageSettings) -> AdamW:
    """AdamW over what learns in the stage."""
    own = [weight for part in model.own_parts().values() for weight in part.parameters()]
    if stage == 1:
        return AdamW(own, lr=settings.lr)
    return AdamW(
        [
            {"params": list(model.decoder.parameters()), "lr": settings.lr},
            {
                "params": [*model.encoder.parameters(), *own],
                "lr": settings.lr * settings.lr_scale,
            },
        ]
    )


def make_scheduler(optimizer: AdamW, steps: int) -> LambdaLR:
    """Linear warm-up, then a cosine down to zero at the last of ``steps``."""
    scheduler: LambdaLR = get_cosine_schedule_with_warmup(optimizer, round(WARMUP * steps), steps)
    return scheduler
