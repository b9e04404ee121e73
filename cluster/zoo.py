"""The zoo: which candidates may be chosen, which engine runs each, and what each costs."""

import datetime
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from cluster.errors import SettingsError
from cluster.settings import Endpoint, Section, read_yaml, validated

CandidateId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Price(Section):
    """US dollars per million tokens."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class Resources(Section):
    """What one replica of a candidate takes, and how many replicas there may be."""

    cpus: float = Field(1, ge=0)
    gpus: int = Field(0, ge=0)
    accelerator_type: str | None = Field(None, description="as Ray names it: H100, A100, L40S, ...")
    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(1, ge=1)


class VllmEngine(Section):
    """Runs the candidate's weights in vLLM on this cluster."""

    kind: Literal["vllm"] = "vllm"
    source: str = Field(min_length=1, description="folder, store://models/NAME, or hub id")
    args: dict[str, Any] = Field(default_factory=dict, description="vLLM engine arguments")
    chat_template: str | None = Field(None, description="Jinja, for models that bring none")


class RemoteEngine(Section):
    """Calls an OpenAI-compatible endpoint elsewhere."""

    kind: Literal["remote"]
    url: Endpoint = Field(description="base URL, such as http://host:8000/v1")
    model: str = Field(min_length=1, description="the model's name over there")
    key_variable: str | None = Field(
        None, description="environment variable that holds the API key; null: no key"
    )
    concurrency: int = Field(4, ge=1, description="batches under way at once")

    def key(self) -> str | None:
        """The API key. Raises SettingsError if the variable is named but not set."""
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable)
        if not key:
            raise SettingsError(
                f"environment variable '{self.key_variable}' must hold the API key for "
                f"{self.url}; it is not set"
            )
        return key


class StandInEngine(Section):
    """Answers at once without a model, for fast tests and load tests; never a real candidate."""

    kind: Literal["stand-in"]
    reply: str = Field("A", description="what it answers, always")
    seconds: float = Field(0.0, ge=0, description="time an answer takes")


Engine = Annotated[VllmEngine | RemoteEngine | StandInEngine, Field(discriminator="kind")]


class Candidate(Section):
    """One LLM that may be chosen."""

    id: CandidateId
    engine: Engine
    resources: Resources = Resources()
    price: Price = Price()
    context_window: int | None = Field(
        None, ge=1, description="tokens of prompt and answer; null: vLLM's max_model_len, if given"
    )
    release_date: datetime.date | None = None
    notes: str = Field("", description="languages, licence: expert knowledge for the capability")
    modalities: tuple[Literal["text", "image"], ...] = ("text",)

    def answering(self) -> dict[str, Any]:
        """The engine's settings on which answers hang, as JSON: all but key and concurrency."""
        return self.engine.model_dump(mode="json", exclude={"concurrency", "key_variable"})

    def window(self) -> int | None:
        """Tokens that prompt and answer may have together; None where that is not said."""
        if self.context_window is None and isinstance(self.engine, VllmEngine):
            given = self.engine.args.get("max_model_len")
            return given if isinstance(given, int) else None
        return self.context_window

    def cost(self, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
        """US dollars of one answer; None where its tokens or the price are not known."""
        if (
            "price" not in self.model_fields_set
            or prompt_tokens is None
            or completion_tokens is None
        ):
            return None
        return (prompt_tokens * self.price.input + completion_tokens * self.price.output) / 1e6


class Zoo(Section):
    """All candidates. Their order means nothing."""

    name: str = Field(min_length=1)
    candidates: list[Candidate] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> "Zoo":
        ids = self.ids()
        twice = sorted({id for id in ids if ids.count(id) > 1})
        if twice:
            raise ValueError(f"each candidate id may stand once only; twice or more: {twice}")
        return self

    def ids(self) -> list[str]:
        """The candidates' ids, as listed."""
        return [candidate.id for candidate in self.candidates]

    def candidate(self, id: str) -> Candidate:
        """The candidate of that id. Raises SettingsError that lists what there is."""
        for candidate in self.candidates:
            if candidate.id == id:
                return candidate
        raise SettingsError(
            f"zoo '{self.name}' has no candidate '{id}'; it has: {', '.join(self.ids())}"
        )


def load_zoo(path: str | Path) -> Zoo:
    """Reads a zoo file; its key ``include`` names zoo files beside it whose candidates join.

    Raises:
        SettingsError: naming file, key, rule and value.
    """
    return _load((Path(path),))


def _load(way: tuple[Path, ...]) -> Zoo:
    """The zoo at the end of ``way``, on which each file includes the next."""
    path = way[-1]
    values = read_yaml(path)
    included = _included(values.pop("include", []), way)
    candidates = values.get("candidates", [])
    if included and isinstance(candidates, list):
        values["candidates"] = [*included, *candidates]
    return validated(Zoo, values, str(path))


def _included(names: Any, way: tuple[Path, ...]) -> list[Candidate]:
    path = way[-1]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"{path}: key 'include': must be a list of files; found {names!r}")
    above = [each.resolve() for each in way]
    for name in names:
        if (path.parent / name).resolve() in above:
            raise SettingsError(
                f"{way[0]}: key 'include': zoos must not include each other in a circle; "
                f"found: {' -> '.join([*map(str, way), str(path.parent / name)])}"
            )
    zoos = [_load((*way, path.parent / name)) for name in names]
    return [candidate for zoo in zoos for candidate in zoo.candidates]
