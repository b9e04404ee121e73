"""The plan of an assessment: which outcomes, which zoos, which methods, measured on which part.

Owns the settings of ``model-sat assess`` and the rules that hold between them; what a plan makes
of the outcomes is the business of ``cases`` and ``assessment``.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from cluster.errors import SettingsError
from cluster.settings import (
    BestQualityPolicy,
    CheapestAbovePolicy,
    ItemResponseSettings,
    Section,
    SelectorSettings,
    TuningSettings,
    ValuePolicy,
    validated,
)

# Measured in every setting without being asked for.
RANDOM, BEST_SINGLE, ORACLE = REFERENCES = ("random", "best single", "oracle")
TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")


class Source(Section):
    """A folder of outcomes (see ``actors.examiner.outcomes``)."""

    folder: str = Field(description="holds questions.parquet, outcomes.parquet, models.parquet")
    tasks: str = Field("category", description="column of the questions that names their task")
    outcome: Literal["score", "correct"] | None = Field(
        None, description="column that is the outcome, where there are both; null: score"
    )
    leave_out: list[str] = Field([], description="candidates that are never looked at")


class Split(Section):
    """Shares of the questions; a question's part hangs on its words and the seed."""

    train: float = Field(0.7, gt=0, lt=1)
    validation: float = Field(0.1, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Exam(Section):
    """The aptitude test, drawn from the train part of a source for each seed."""

    tasks: int = Field(
        50, ge=1, description="core tasks; where fewer have enough questions, large ones count more"
    )
    shots: int = Field(20, ge=1, description="questions of each core task")
    sampling: Literal["uniform", "distinguishing"] = Field(
        "uniform",
        description="distinguishing: the more likely the better a question told apart the "
        "candidates tuned on (paper: Core task sampling)",
    )


class RandomZoos(Section):
    """Zoos drawn at random, the same ones for all seeds of the plan."""

    count: int = Field(8, ge=1)
    size: int = Field(5, ge=2)
    below: float = Field(1.0, gt=0, le=1, description="mean score that candidates stay below")
    seed: int = 0


class Setting(Section):
    """What is compared: candidates to choose among, and what the methods were tuned on."""

    name: str = Field(min_length=1)
    tune: str = Field(description="source that methods are tuned on")
    test: str | None = Field(None, description="source that is measured on; null: the same")
    zoo: str | None = Field(None, description="one of the plan's zoos")
    random: RandomZoos | None = None
    tuned_on: Literal["zoo", "all"] = Field("all", description="candidates methods are tuned on")
    unseen: bool = Field(False, description="leave all candidates of the zoo out of tuning")
    leave_out: str | None = Field(
        None, description="a zoo whose candidates are left out of tuning as well"
    )
    leave_one_out: bool = Field(
        False, description="leave each candidate of the zoo out in turn; it joins by its card"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.zoo is None) == (self.random is None):
            raise ValueError("give exactly one of zoo and random")
        if self.unseen and self.leave_one_out:
            raise ValueError("give at most one of unseen and leave_one_out")
        if self.tuned_on == "zoo" and (self.unseen or self.test_source != self.tune):
            raise ValueError("tuned_on: zoo leaves nobody to tune on where the zoo is unseen")
        return self

    @property
    def test_source(self) -> str:
        """The source that is measured on."""
        return self.test or self.tune


class Replay(Section):
    """Models appear one by one, by their dates; nothing is tuned again (paper: Figure 5)."""

    name: str = Field(min_length=1)
    source: str
    start: str = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}$", description="methods are tuned on models released before"
    )
    best: int = Field(5, ge=1, description="the zoo: that many best so far, and the newest")

    @field_validator("start")
    @classmethod
    def _is_a_day(cls, start: str) -> str:
        try:
            date.fromisoformat(start)
        except ValueError as error:
            raise ValueError(f"must be a day, YYYY-MM-DD: {error}; found '{start}'") from error
        return start


class Coverage(Section):
    """How much of what a reference gets right a zoo gets right together (paper: Figure 1)."""

    name: str = Field(min_length=1)
    source: str
    zoo: str
    reference: str


class ModelSatPlan(Section):
    """How the method ``model-sat`` is made and tuned."""

    selector: SelectorSettings
    tuning: TuningSettings = TuningSettings()


class Variant(Section):
    """What a variant of ``model_sat`` does otherwise: keys of its two sections."""

    selector: dict[str, Any] = Field({})
    tuning: dict[str, Any] = Field({})


class Plan(Section):
    """All settings of an assessment."""

    name: str = Field(min_length=1)
    output: str = Field(description="folder of the report; an older report there is replaced")
    sources: dict[str, Source] = Field(min_length=1)
    zoos: dict[str, list[str]] = Field({})
    methods: list[str] = Field([], description="names that ``methods`` knows")
    compare: str = Field("knn", description="method that the others are compared with, if there")
    settings: list[Setting] = Field([])
    replays: list[Replay] = Field([])
    coverages: list[Coverage] = Field([])
    prices: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {},
        description="US dollars per million tokens of candidates; where all of a setting's have "
        "one, the report shows what quality costs",
    )
    policy: BestQualityPolicy | ValuePolicy | CheapestAbovePolicy = Field(
        BestQualityPolicy(),
        discriminator="kind",
        description="whose point is marked where the report shows what quality costs",
    )
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    split: Split = Split()
    exam: Exam = Exam()
    part: Literal["validation", "test"] = Field(
        "validation", description="what is measured on; touch the test once, at the end"
    )
    draws: int = Field(2000, ge=100, description="bootstrap samples of the questions")
    encoder: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="sentence encoder of the simple methods: folder, store://models/NAME, hub id",
    )
    item_response: ItemResponseSettings | None = Field(
        None, description="method 'item-response'; null: its defaults on ``encoder``"
    )
    rerankers: dict[str, str] = Field(
        {}, description="model of each re-ranker: folder, store://models/NAME, hub id"
    )
    model_sat: ModelSatPlan | None = Field(None, description="method 'model-sat'")
    variants: dict[str, Variant] = Field(
        {}, description="methods 'model-sat NAME': as 'model-sat' but for these keys"
    )
    store: str = Field("store", description="where store:// points")
    plots: bool = True

    def item_response_settings(self) -> ItemResponseSettings:
        """Those of the plan, or the defaults."""
        return self.item_response or ItemResponseSettings(encoder=self.encoder)

    def model_sat_settings(self, variant: str = "") -> tuple[SelectorSettings, TuningSettings]:
        """Those of the plan, or of a variant. Raises SettingsError if it has none."""
        if self.model_sat is None:
            raise SettingsError("method 'model-sat' needs the key 'model_sat' of the plan")
        if not variant:
            return self.model_sat.selector, self.model_sat.tuning
        if variant not in self.variants:
            raise SettingsError(
                f"method 'model-sat {variant}' is none of the plan's variants; there are: "
                f"{', '.join(sorted(self.variants)) or 'none'}"
            )
        whole = self.model_sat.model_dump()
        for section, keys in self.variants[variant].model_dump().items():
            for key, value in keys.items():
                before = whole[section].get(key)
                nested = isinstance(value, dict) and isinstance(before, dict)
                whole[section][key] = before | value if nested else value
        found = validated(ModelSatPlan, whole, f"key 'variants.{variant}'")
        return found.selector, found.tuning

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for setting in self.settings:
            _known("source", [setting.tune, setting.test_source], self.sources, setting.name)
            zoos = [name for name in (setting.zoo, setting.leave_out) if name is not None]
            _known("zoo", zoos, self.zoos, setting.name)
        _known("method", list(self.rerankers), self.methods, "rerankers")
        for replay in self.replays:
            _known("source", [replay.source], self.sources, replay.name)
        for coverage in self.coverages:
            _known("source", [coverage.source], self.sources, coverage.name)
            _known("zoo", [coverage.zoo], self.zoos, coverage.name)
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _unique("settings", [setting.name for setting in self.settings])
        _unique("replays", [replay.name for replay in self.replays])
        _unique("coverages", [coverage.name for coverage in self.coverages])
        if anyway := [name for name in self.methods if name in REFERENCES]:
            raise ValueError(f"methods: '{anyway[0]}' is measured anyway; leave it out")
        _unique("methods", self.methods)
        _unique("seeds", self.seeds)
        for name, zoo in self.zoos.items():
            _unique(f"zoos.{name}", zoo)
            if len(zoo) < 2:
                raise ValueError(f"zoo '{name}' has {len(zoo)} candidates; at least 2 are needed")
        return self


def _known(what: str, names: list[str], there: Iterable[str], user: str) -> None:
    for name in names:
        if name not in there:
            raise ValueError(f"'{user}' names no known {what}; there are: {', '.join(there)}")


def _unique(what: str, names: list[Any]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' stands there twice")
