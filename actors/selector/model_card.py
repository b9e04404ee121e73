"""The model card of a selector: README.md beside its weights, as model hubs show it.

It says what ``selector.json`` says, and nothing that nobody knows: a licence is the owner's to add.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # no __all__

from cluster.settings import ItemResponseSettings, SelectorSettings

_TEMPLATE = Path(__file__).with_name("model_card.md")
# Of ``actors.tuner.steps.figures``, in words.
_FIGURES = {
    "outcomes": "held-out outcomes",
    "auc": "AUC, mean over candidates",
    "auc_pooled": "AUC over all outcomes",
    "loss": "loss (eq. 5)",
    "ece": "calibration error, corrected as served",
}


def model_card(
    settings: SelectorSettings | ItemResponseSettings,
    tuned_on: Mapping[str, Any] | None,
    libraries: Mapping[str, str],
) -> str:
    """The card's text; arguments are what ``selector.json`` says."""
    sources = [settings.encoder]
    if isinstance(settings, SelectorSettings):
        sources.append(settings.decoder)
    data = ModelCardData(
        library_name="model-sat-on-ray",
        tags=["model-selection", "llm-routing", settings.kind],
        base_model=[source for source in sources if on_hub(source)] or None,
    )
    tuned_on = tuned_on or {}
    card = ModelCard.from_template(
        data,
        template_path=str(_TEMPLATE),
        kind=settings.kind,
        sources=[_named(source) for source in sources],
        tuned_on=tuned_on,
        figures=[
            (words, tuned_on.get("untuned", {}).get(name), tuned_on["tuned"][name])
            for name, words in _FIGURES.items()
            if name in tuned_on.get("tuned", {})
        ],
        libraries=libraries,
    )
    return str(card)


def on_hub(source: str) -> bool:
    """Whether a name can be of a repository on a hub, OWNER/NAME, and is no folder here."""
    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return source.count("/") == 1 and not Path(source).exists()


def _named(source: str) -> str:
    """A source as others may read it: of a folder here its last part alone."""
    return source if on_hub(source) or "://" in source else Path(source).name
