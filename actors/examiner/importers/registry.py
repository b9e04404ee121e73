"""The formats by name, and what an import may be told.

A module of this package registers its format with ``@importer(NAME, SUMMARY)``; modules are found,
not listed, so that a format is added as one file.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, field_validator

from actors.examiner import importers
from actors.examiner.importers.documents import Document
from actors.examiner.importers.parts import ROW, Part
from cluster.errors import SettingsError
from cluster.settings import Section, from_overrides


class ImportSettings(Section):
    """What an import may be told; a format says which keys beyond the general ones it uses."""

    longest: int = Field(
        8 << 20, ge=1, description="bytes that one line, or one item of a JSON file, may take"
    )
    dataset: str | None = Field(None, description="data set of questions whose file names none")
    models: dict[str, str] = Field({}, description="other names for models: {name there: ours}")
    score_range: tuple[float, float] = Field(
        (0.0, 1.0), description="what scores there lie between; becomes 0 to 1"
    )
    columns: dict[str, str] = Field({}, description="{column of ours: column there}")
    questions: str | None = Field(None, description="file with the questions, if a file of its own")
    model: str | None = Field(None, description="the model, where files name none")
    metric: str | None = Field(None, description="the metric that is the score")
    filter: str | None = Field(None, description="the filter of answers that counts")

    @field_validator("columns")
    @classmethod
    def _are_ours(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in columns if name not in ROW]
        if unknown:
            raise ValueError(f"no column '{unknown[0]}' of ours; there are: {', '.join(ROW)}")
        return columns

    @field_validator("score_range")
    @classmethod
    def _is_a_range(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not bounds[0] < bounds[1] < float("inf") or bounds[0] == float("-inf"):
            raise ValueError(f"must be two finite numbers, the lower first; found {list(bounds)}")
        return bounds


_GENERAL = ("longest", "dataset", "models", "score_range")

Read = Callable[[Sequence[Document], ImportSettings], Iterator[Part]]


@dataclass(frozen=True)
class Importer:
    """A format."""

    name: str
    summary: str
    uses: tuple[str, ...]  # keys of ImportSettings
    read: Read

    def settings(self, overrides: Sequence[str]) -> ImportSettings:
        """Settings from ``key=value``. Raises SettingsError for a key the format does not use."""
        settings = from_overrides(ImportSettings, overrides, f"import {self.name}")
        for key in sorted(settings.model_fields_set):
            if key not in self.uses:
                raise SettingsError(
                    f"import {self.name}: key '{key}' means nothing to this format; "
                    f"allowed: {', '.join(self.uses)}"
                )
        return settings


_importers: dict[str, Importer] = {}


def importer(name: str, summary: str, uses: Sequence[str] = ()) -> Callable[[Read], Read]:
    """Registers a format: how its files are read, and the settings it uses."""

    def register(read: Read) -> Read:
        assert name not in _importers, name
        _importers[name] = Importer(name, summary, (*_GENERAL, *uses), read)
        return read

    return register


def all_importers() -> dict[str, Importer]:
    """All formats by name, sorted."""
    for module in pkgutil.iter_modules(importers.__path__, f"{importers.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_importers.items()))


def find_importer(name: str) -> Importer:
    """The format of that name. Raises SettingsError if there is none."""
    known = all_importers()
    if name not in known:
        raise SettingsError(f"no format is called '{name}'; there are: {', '.join(known)}")
    return known[name]
