"""The settings of a run: one YAML file plus ``key=value`` overrides, checked by pydantic.

Every error names the dotted key, the rule and the value that was found. Unknown keys are errors.
A settings object is frozen: jobs pass it on, nobody changes it on the way.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from cluster.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)
Precision = Literal["float32", "int8"]
Marking = Literal["auto", "exact", "numeric", "judge"]
_USER = re.compile(r"(\w+://)?[^/?#]*@")  # and a password, where there is one


class Section(BaseModel):
    """Base of all settings: frozen, and no key that is not declared."""

    # What was found ``validated`` shows, where it may be shown; a traceback has no use for it.
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), hide_input_in_errors=True
    )


def _without_password(url: object) -> object:
    if isinstance(url, str) and _USER.match(url):
        raise ValueError(
            "holds a user or a password, which logs would show; name the environment variable of "
            "an API key in 'key_variable'"
        )
    return url


# Before the pattern, for that shows what it found.
Endpoint = Annotated[str, BeforeValidator(_without_password), Field(pattern=r"^https?://")]


class ExamSettings(Section):
    """The aptitude test, and the practice questions that selectors are tuned on."""

    questions: str = Field(
        "bank", description="'bank', a preset, a Parquet or JSONL file, a hub id"
    )
    tasks: int = Field(50, ge=1, description="core tasks in the test")
    shots: int = Field(20, ge=1, description="questions of each core task")
    sampling: Literal["uniform", "distinguishing"] = Field(
        "uniform",
        description="distinguishing: by past outcomes, those about half get right weigh most",
    )
    outcomes: tuple[str, ...] = Field(
        (), description="Parquet or JSONL files of past outcomes, for sampling 'distinguishing'"
    )
    practice: int = Field(
        0, ge=0, description="further questions a task, asked for tuning only, never on the card"
    )
    seed: int = 0
    max_tokens: int = Field(16, ge=1, description="tokens an answer may take")
    batch_size: int = Field(64, ge=1, description="questions sent to an engine at a time")


class CollectSource(Section):
    """A data set whose questions all candidates are asked."""

    questions: str = Field(
        min_length=1, description="'bank', a preset, a Parquet or JSONL file, a hub id"
    )
    marking: Marking = Field(
        "auto",
        description="of free answers; options are marked by their letter. exact: the same words; "
        "numeric: the last number; auto: numeric where the right answer is a number, else exact",
    )
    per_category: int | None = Field(
        None, ge=1, description="ask the first N questions of each category; null: all"
    )


class JudgeSettings(Section):
    """A model that says whether an answer is right, behind an OpenAI-compatible endpoint."""

    url: Endpoint = Field(description="base URL, such as https://host/v1")
    model: str = Field(min_length=1, description="the model's name over there")
    key_variable: str | None = Field(
        None, description="environment variable that holds the API key; null: no key"
    )
    concurrency: int = Field(4, ge=1, description="batches under way at once")
    max_tokens: int = Field(512, ge=1, description="tokens a verdict and its reasons may take")


class CollectSettings(Section):
    """New outcomes of all candidates over data sets."""

    name: str = Field(
        "collected",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="folder under the store's collected/",
    )
    sources: tuple[CollectSource, ...] = Field(
        (CollectSource(questions="bank"),), min_length=1, description="data sets to ask"
    )
    judge: JudgeSettings | None = Field(None, description="who marks sources with marking 'judge'")
    circle_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="questions that at most this share of the candidates got right are asked those "
        "again with their options rotated (circle test); 0: none",
    )
    max_tokens: int = Field(128, ge=1, description="tokens an answer may take")
    batch_size: int = Field(64, ge=1, description="questions sent to an engine at a time")
    part_size: int = Field(
        512, ge=1, description="answers written at a time; about what a killed job loses"
    )

    @model_validator(mode="after")
    def _has_a_judge(self) -> "CollectSettings":
        asking = [each.questions for each in self.sources if each.marking == "judge"]
        if asking and self.judge is None:
            raise ValueError(f"source '{asking[0]}' is marked by a judge; key 'judge' names none")
        return self


class SelectorSettings(Section):
    """Which networks make up a selector, and which of the method's variants it is."""

    kind: Literal["model-sat"] = "model-sat"
    encoder: str = Field(description="capability encoder: folder, store://models/NAME, or hub id")
    decoder: str = Field(description="causal LM: folder, store://models/NAME, or hub id")
    decoder_layers: int | None = Field(
        None, ge=1, description="take only the first N layers of the decoder; null takes all"
    )
    capability_layer: int = Field(
        0,
        ge=0,
        description="capability tokens enter above the first N layers of the decoder; those read "
        "the instruction alone, once for all candidates (order instruction-first)",
    )
    max_instruction_tokens: int = Field(
        512, ge=8, description="longer instructions keep their head and their tail"
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="what matrices are multiplied in; weights stay float32"
    )
    order: Literal["card-first", "instruction-first"] = Field(
        "card-first",
        description="z = [c, x, p] as in the paper, or [x, p, c] with p's last token after c: "
        "all candidates of an instruction are then scored in one pass",
    )
    capability: Literal["text", "tasks", "words"] = Field(
        "text",
        description="text: windows of c^m, a token each; tasks: its lines one by one, pooled "
        "without regard to their order; words: c^m as words of the decoder, without encoder and "
        "connector (paper: Table 2)",
    )
    capability_tokens: int = Field(
        4, ge=1, description="tokens of a card with capability 'tasks'; text has as many as windows"
    )
    numeric: bool = Field(
        False, description="add the accuracies themselves, as numbers, to the capability tokens"
    )
    expert_knowledge: bool = Field(True, description="whether the notes of a card are read")
    head: Literal["inquiry", "regression"] = Field(
        "inquiry", description="the decoder's logits of 'Yes' and 'No', or a linear layer instead"
    )
    anchor: bool = Field(
        False, description="add the scaled log-odds of a candidate's mean accuracy to its score"
    )
    perturbations: int = Field(
        0, ge=0, description="shuffles of a card's tasks whose scores are averaged; paper: 2"
    )

    @model_validator(mode="after")
    def _has_layers_for_all(self) -> "SelectorSettings":
        if self.capability_layer and self.order != "instruction-first":
            raise ValueError(
                f"key 'capability_layer' with {self.capability_layer} needs order "
                f"'instruction-first'; found '{self.order}'"
            )
        if self.capability == "words" and (self.numeric or self.capability_layer):
            raise ValueError(
                "key 'capability' with 'words' takes neither 'numeric' nor 'capability_layer'"
            )
        return self

    def sources(self) -> list[str]:
        """The models that it is made from."""
        return [self.encoder, self.decoder]


class ItemResponseSettings(Section):
    """The fast selector: what of a sentence encoder it reads, and how closely it fits outcomes."""

    kind: Literal["item-response"] = "item-response"
    encoder: str = Field(description="sentence encoder: folder, store://models/NAME, or hub id")
    layers: list[Annotated[int, Field(ge=0)]] = Field(
        [2, 3, 4, 5], min_length=1, description="hidden states of the encoder; 0: its input"
    )
    max_instruction_tokens: int = Field(
        256, ge=8, description="longer instructions keep their head and their tail"
    )
    precision: Precision = Field(
        "int8", description="of the encoder on CPUs; int8 is several times faster"
    )
    landmarks: int = Field(1500, ge=1, description="past instructions the kernel compares with")
    kernel_width: float = Field(
        0.5, gt=0, description="kernel exp(-w d2 / median d2) of squared distances d2"
    )
    shared_ridge: float = Field(
        3.0, gt=0, description="how little single outcomes say of what is hard for all candidates"
    )
    ridge: float = Field(
        24.0, gt=0, description="how little they say of what tells candidates apart"
    )
    dimensions: int = Field(6, ge=1, description="K: kinds of strength that are told apart")

    def sources(self) -> list[str]:
        """The models that it is made from."""
        return [self.encoder]


def _kind(selector: Any) -> Any:
    """The kind of a selector's settings; the one that is not named is MODEL-SAT."""
    if isinstance(selector, dict):
        return selector.get("kind", "model-sat")
    return getattr(selector, "kind", None)


AnySelectorSettings = Annotated[
    Annotated[SelectorSettings, Tag("model-sat")]
    | Annotated[ItemResponseSettings, Tag("item-response")],
    Discriminator(_kind),
]


class StageSettings(Section):
    """One stage of tuning (paper: Learning Strategy)."""

    epochs: int = Field(1, ge=0)
    lr: float = Field(gt=0, description="learning rate of the connector, and of the decoder")
    lr_scale: float = Field(
        1.0, gt=0, description="times lr: the rate of encoder and connector in stage 2"
    )


class RefinementSettings(Section):
    """Which right outcomes are believed (paper: Data Refinement); never one that failed a test."""

    hard_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="a question is hard if at most this share is right; 0: all are believed",
    )
    untested: Literal["keep", "drop"] = Field(
        "keep", description="right outcomes in hard questions that no circle test was made of"
    )


class TuningSettings(Section):
    """How a selector is tuned on outcomes."""

    feedback: bool = Field(
        False, description="tune on what collect-feedback wrote as well, beside the exam"
    )
    outcomes: tuple[str, ...] = Field(
        (),
        description="folders of further outcomes to tune on beside the exam's, such as "
        "store://collected/NAME",
    )
    loss: Literal["paper", "ranking", "both", "likelihood", "anchored"] = Field(
        "paper",
        description="paper: eq. 5, a candidate's instructions compared; ranking: an instruction's "
        "candidates compared; both: the two in turn; likelihood: each outcome by itself; "
        "anchored: ranking and likelihood of the same rows",
    )
    group_size: int = Field(4, ge=2, description="k of eq. 5: one positive and k-1 negatives")
    candidates_per_group: int | None = Field(
        None, ge=2, description="candidates of an instruction compared with each other; null: all"
    )
    rank_weight: float = Field(
        0.0, ge=0, description="w: the best candidate's positives are drawn 1+w times the worst's"
    )
    refinement: RefinementSettings = RefinementSettings()
    resample_exam: bool = Field(
        False, description="draw the answers behind every card anew at each step"
    )
    frozen_layers: int = Field(
        0,
        ge=0,
        description="the decoder's first N layers, and its word embeddings, do not learn. Where "
        "they read the instruction alone (selector.capability_layer), they read it once for all "
        "epochs",
    )
    tune_encoder: bool = Field(True, description="whether the capability encoder learns in stage 2")
    groups_per_step: int = Field(2, ge=1, description="groups in one pass on a worker")
    accumulate: int = Field(1, ge=1, description="passes whose gradients make one optimiser step")
    groups_per_epoch: int | None = Field(
        None,
        ge=1,
        description="groups drawn in an epoch; null: one for each positive outcome (paper) or "
        "instruction (the others)",
    )
    held_out: float = Field(0.2, gt=0, lt=1, description="share of questions kept for validation")
    stage1: StageSettings = StageSettings(lr=1e-3)
    stage2: StageSettings = StageSettings(lr=2e-5, lr_scale=5.0)
    checkpoint_every: int = Field(50, ge=1, description="optimiser steps between checkpoints")
    workers: int = Field(1, ge=1)
    strategy: Literal["ddp", "fsdp"] = Field(
        "ddp", description="ddp: each worker holds all weights; fsdp: a share of them in stage 2"
    )
    track_with: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = Field(
        (), description="where metrics are written besides Ray's own"
    )
    cpus_per_worker: int = Field(1, ge=1, description="CPUs a worker takes, and its threads")
    use_gpu: bool = Field(False, description="of every worker; in an assessment, of MODEL-SAT")
    seed: int = 0


class BestQualityPolicy(Section):
    """The highest score, whatever it costs."""

    kind: Literal["best-quality"] = "best-quality"


class ValuePolicy(Section):
    """The highest score minus price x weight."""

    kind: Literal["value"] = "value"
    weight: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="score given up to save one US dollar per million tokens",
    )


class CheapestAbovePolicy(Section):
    """The cheapest candidate whose score reaches the threshold; where none does, the best."""

    kind: Literal["cheapest-above"] = "cheapest-above"
    threshold: float = Field(ge=0, le=1, description="score that is good enough")


class LatencyCapPolicy(Section):
    """The highest score among candidates that begin to answer soon enough; else the soonest."""

    kind: Literal["latency-cap"] = "latency-cap"
    seconds: float = Field(
        gt=0, allow_inf_nan=False, description="until an answer begins, as measured lately"
    )


PolicyKind = Literal["best-quality", "value", "cheapest-above", "latency-cap"]
Policy = Annotated[
    BestQualityPolicy | ValuePolicy | CheapestAbovePolicy | LatencyCapPolicy,
    Field(discriminator="kind"),
]


class FilterSettings(Section):
    """A fast selector that leaves few candidates for a large one to score."""

    selector_name: str = Field(min_length=1, description="folder under selectors/")
    keep: int = Field(8, ge=1, description="candidates left for each instruction")


class JournalSettings(Section):
    """What the router writes down of its choices, and of the feedback on them."""

    enabled: bool = Field(True, description="false: no choice is logged and no feedback taken")
    text: Literal["none", "hashed", "full"] = Field(
        "none",
        description="of an instruction: nothing, its SHA-256 (short texts can be guessed from it), "
        "or the text, without which feedback teaches a selector nothing",
    )
    flush_seconds: float = Field(
        30.0, gt=0, description="time between files; what a replica loses that is killed"
    )
    flush_rows: int = Field(1000, ge=1, description="rows that make a file before it is due")
    buffer_mib: int = Field(
        64, ge=1, description="rows kept while the store is down; the oldest are dropped beyond"
    )


class EscalationSettings(Section):
    """Who answers where no candidate is likely to be right."""

    candidate: str = Field(min_length=1, description="id in the zoo; chosen for this only or not")
    floor: float = Field(ge=0, le=1, description="some score must reach this, or it is asked")


class BreakerSettings(Section):
    """When a candidate that fails is left out for a while."""

    failures: int = Field(5, ge=1, description="one after the other, until it is left out")
    seconds: float = Field(10.0, gt=0, description="until it is tried again")


class GuardSettings(Section):
    """Who may call the router, how often, and with how much."""

    keys: str | None = Field(
        None, min_length=1, description="file of API keys (actors.router.keys); null: none asked"
    )
    requests_per_minute: int | None = Field(
        None,
        ge=1,
        description="of a key that has no limit of its own, or of a client's address where no keys "
        "are asked for; null: no limit",
    )
    rate_storage: str | None = Field(
        None,
        min_length=1,
        description="where requests are counted, such as redis://HOST:6379; null: by each replica "
        "of the ingress for itself",
    )
    max_body_bytes: int = Field(8 * 2**20, ge=1, description="size of a request's body")
    max_requests_at_once: int = Field(
        1024,
        ge=1,
        description="that a replica of the ingress works on; what comes beyond that is refused at "
        "once (503), so that a router with too much to do goes on answering",
    )
    allow_origins: tuple[str, ...] = Field(
        (), description="web pages whose scripts may call the router, such as https://chat.example"
    )


class RouterSettings(Section):
    """How the router chooses, and the serving application."""

    policy: Policy = BestQualityPolicy()
    allow_policies: tuple[PolicyKind, ...] = Field(
        (), description="policies that a request may ask for in its object model_sat"
    )
    candidates: tuple[str, ...] | None = Field(
        None, min_length=1, description="ids that may be chosen; null: all of the zoo"
    )
    filter: FilterSettings | None = Field(None, description="asked before the selector itself")
    output_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="share of output in all tokens, by which a candidate's two prices become one",
    )
    escalation: EscalationSettings | None = None
    breaker: BreakerSettings = BreakerSettings()
    conversation_margin: float | None = Field(
        0.1,
        ge=0,
        description="a chat stays with its candidate unless another scores that much higher; "
        "null: every turn is chosen for itself",
    )
    first_token_seconds: float = Field(
        60.0, gt=0, description="a candidate whose stream has not begun by then has failed"
    )
    answer_seconds: float = Field(
        600.0,
        gt=0,
        description="so has one whose answer, not streamed, is not there by then; remote endpoints "
        "have 300 at most, and Ray's ingress gives any request 600",
    )
    selector_seconds: float = Field(
        10.0, gt=0, description="without scores by then, the best mean aptitude is chosen"
    )
    watch_seconds: float = Field(
        1.0, gt=0, description="between looks at who has joined or left, and who is running"
    )

    journal: JournalSettings = JournalSettings()
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="where traces go: OTLP over HTTP, such as http://host:4318/v1/traces",
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    auto_name: str = Field("auto", min_length=1, description="model name that lets us choose")
    ingress_replicas: int = Field(1, ge=1)
    selector_in_ingress: bool = Field(
        False, description="ingress replicas score themselves: for a fast selector, on CPU"
    )
    selector_replicas: int = Field(1, ge=1, description="at least; and of batch routing")
    selector_max_replicas: int | None = Field(None, ge=1, description="null: no autoscaling")
    selector_gpus: float = Field(0.0, ge=0, description="GPUs of a selector replica; 0: on CPU")
    selector_batch: int = Field(32, ge=1, description="instructions scored together at most")

    guard: GuardSettings = GuardSettings()
    page: bool = Field(True, description="a page for people at /, open without a key")

    @model_validator(mode="after")
    def _selector_can_be_placed(self) -> "RouterSettings":
        most = self.selector_max_replicas
        if self.selector_in_ingress and (self.selector_gpus or most):
            raise ValueError(
                "'selector_in_ingress' is for a selector on CPU without replicas of its own; found "
                f"'selector_gpus' {self.selector_gpus:g} and 'selector_max_replicas' {most}"
            )
        if most is not None and most < self.selector_replicas:
            raise ValueError(
                f"'selector_max_replicas' must be at least 'selector_replicas'; found {most} and "
                f"{self.selector_replicas}"
            )
        return self


class RoutingSettings(Section):
    """Routing a whole data set."""

    instructions: str | None = Field(
        None, description="Parquet or JSONL file, or a folder of such files; a path or URL"
    )
    output: str = Field("routed", description="folder under the store's routed/")
    max_tokens: int = Field(128, ge=1)
    batch_size: int = Field(64, ge=1, description="instructions sent to an engine at a time")
    part_rows: int = Field(
        10_000, ge=1, description="instructions in a part, which is what a broken-off job repeats"
    )


class RaySettings(Section):
    """Which cluster a job runs on."""

    address: str | None = Field(None, description="null: the cluster around, else a local one")
    num_cpus: int | None = Field(None, ge=1, description="logical CPUs of a local cluster")
    autoscales: bool = Field(
        False, description="the cluster adds nodes: what fits those there now says nothing"
    )


class Settings(Section):
    """All settings of a run."""

    store: str = Field(description="shared storage: a folder, or s3://, gs:// and the like")
    zoo: str = Field(description="path of a zoo file")
    selector_name: str = Field("selector", min_length=1, description="folder under selectors/")
    exam: ExamSettings = ExamSettings()
    collect: CollectSettings = CollectSettings()
    selector: AnySelectorSettings
    tuning: TuningSettings = TuningSettings()
    router: RouterSettings = RouterSettings()
    routing: RoutingSettings = RoutingSettings()
    ray: RaySettings = RaySettings()


class CandidateSettings(Settings):
    """Settings of a run, and the candidate of its zoo that a job is about."""

    candidate: str = Field(min_length=1, description="id in the zoo")


def load(model: type[Model], path: str | Path, overrides: Sequence[str] = ()) -> Model:
    """Reads a settings file, such as ``Settings``, and applies overrides such as ``exam.shots=4``.

    Raises:
        SettingsError: the file is missing or no YAML mapping, an override is no ``key=value``,
            or a key is unknown, missing or of a wrong value.
    """
    values = read_yaml(path)
    for override in overrides:
        _apply(values, override)
    return validated(model, values, str(path))


def from_overrides(model: type[Model], overrides: Sequence[str], source: str) -> Model:
    """``model`` from overrides alone, for a job without a settings file; raises as ``load``.

    ``source`` says in errors whose settings they are.
    """
    values: dict[str, Any] = {}
    for override in overrides:
        _apply(values, override)
    return validated(model, values, source)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping a YAML file holds. Raises SettingsError where there is none."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())
        raise SettingsError(f"{path}: is no YAML: {found}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: must hold keys and values; found {type(values).__name__}")
    return values


def validated(model: type[Model], values: dict[str, Any], source: str) -> Model:
    """``model`` built from ``values``; the first broken rule becomes one line of SettingsError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A misspelt key also leaves the right one missing: the misspelling is what to tell.
        first, *rest = sorted(
            error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden"
        )
        key = ".".join(_walked(model, first["loc"])[1]) or "(whole file)"
        message = f"{source}: key '{key}': {_rule(model, first)}"
        if rest:
            message += f" (and {len(rest)} more)"
        raise SettingsError(message) from error


def _rule(model: type[BaseModel], error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; allowed: {', '.join(_allowed(model, error['loc'][:-1]))}"
    if error["type"] == "missing":
        return "is needed, but missing"
    if error["type"] == "value_error":  # a rule of ours, between keys: it says what it found
        return str(error["ctx"]["error"])
    return f"{error['msg']}; found {error['input']!r}"


def _allowed(model: type[BaseModel], parents: Sequence[str | int]) -> list[str]:
    """The keys that may stand at ``parents``."""
    models, _ = _walked(model, parents)
    return [key for found in models for key in found.model_fields]


def _walked(
    model: type[BaseModel], place: Sequence[str | int]
) -> tuple[list[type[BaseModel]], list[str]]:
    """Which models may stand at a place in pydantic's errors, and the keys that lead there.

    Goes through nested models, lists and unions; the tag of a union's member, which pydantic puts
    into the path, is no key.
    """
    models, keys = [model], []
    for name in place:
        if tagged := [found for found in models if name in _tags(found)]:
            models = tagged
            continue
        keys.append(str(name))
        fields = [found.model_fields for found in models]
        if named := [field[name] for field in fields if name in field]:
            models = [part for field in named for part in _models_in(field.annotation)]
    return models, keys


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SettingsError(f"override '{override}': must be key=value, such as exam.shots=4")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise SettingsError(f"override '{override}': '{parent}' is a value, it has no keys")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"override '{override}': the value is no YAML") from error
