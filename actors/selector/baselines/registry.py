"""The baselines by name, and what they may draw on besides outcomes.

A module of this package registers its baseline with ``@baseline(NAME)``; modules are found, not
listed, so that a baseline is added as one file.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from actors.examiner.outcomes import OutcomeMatrix
from actors.selector import baselines
from actors.selector.scorer import Learner
from cluster.errors import SettingsError

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Context:
    """What baselines may draw on besides the outcomes that they learn from.

    ``asked`` holds the questions of the measurement with their labels. Only two look into it, by
    an instruction's text: ``best-per-category`` for its category, ``oracle`` for its scores.
    """

    embed: Embed  # sentence embeddings [N, E] of N texts
    asked: OutcomeMatrix
    seed: int = 0
    device: str = "cpu"  # where models are run that a baseline loads
    # Reads what candidates wrote, by (model_id, instruction): for re-rankers.
    outputs: Callable[[], Mapping[tuple[str, str], str]] = dict
    # Folder or hub id of the model that a baseline (by name) shall load instead of its usual one.
    sources: Mapping[str, str] = field(default_factory=dict)


Maker = TypeVar("Maker", bound=Callable[..., Learner])
_makers: dict[str, Callable[[Context], Learner]] = {}


def baseline(name: str, *parameters: Any) -> Callable[[Maker], Maker]:
    """Registers the maker of a baseline; the name calls it with (context, *parameters)."""

    def register(maker: Maker) -> Maker:
        assert name not in _makers, name
        _makers[name] = lambda context: maker(context, *parameters)
        return maker

    return register


def baseline_names() -> list[str]:
    """The names of all baselines, sorted."""
    for module in pkgutil.iter_modules(baselines.__path__, f"{baselines.__name__}."):
        importlib.import_module(module.name)
    return sorted(_makers)


def make_baseline(name: str, context: Context) -> Learner:
    """The baseline of that name, untaught. Raises SettingsError if there is none."""
    names = baseline_names()
    if name not in names:
        raise SettingsError(f"no baseline is called '{name}'; there are: {', '.join(names)}")
    return _makers[name](context)
