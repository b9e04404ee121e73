"""The engines for batches, on Ray Data: vLLM, a remote OpenAI-compatible endpoint, the stand-in.

Owns how a dataset passes an engine and which resources that takes. Rows on the way:

    caller's         messages, and columns that identify the row
    vLLM: Tokenize   caller (struct: the caller's columns), tokenized_prompt, __inference_error__
    vLLM: answered   ... generated_text, num_input_tokens, num_generated_tokens, time_taken_llm
    given back       the caller's columns without messages, and those of engine.COMPLETION

vLLM's chats are tokenized here rather than by Ray's chat template stage, which renders text and
has it tokenized once more with special tokens: templates that begin with bos (Llama, Gemma)
would get it twice, and batches would see other tokens than the online engine.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field, ValidationError

from actors.candidate import placement
from actors.candidate.engine import COMPLETION, BatchEngine, Sampling
from cluster.store import Store, model_source
from cluster.zoo import Candidate, RemoteEngine, Resources, StandInEngine, VllmEngine

if TYPE_CHECKING:
    from ray.data import Dataset
    from ray.data.llm import vLLMEngineProcessorConfig

_ERROR = "__inference_error__"  # Ray's name: rows where it is set pass the engine untouched
_LIGHT = {"num_cpus": 0.25}  # of steps that only move columns
_WAITING = 0.5  # CPUs of steps that tokenize, or wait for others
_RETRIES = 5
_ANSWER_SECONDS = 300.0


def batch_engine(candidate: Candidate, store: Store, batch_size: int) -> BatchEngine:
    """The engine that answers batches for ``candidate``.

    Raises:
        StoreError: the model's folder is not there.
        SettingsError: the variable of a remote engine's API key is not set.
    """
    engine = candidate.engine
    if isinstance(engine, VllmEngine):
        return VllmBatch(candidate, model_source(engine.source, store), batch_size)
    if isinstance(engine, RemoteEngine):
        engine.key()
        return RemoteBatch(engine, batch_size)
    return StandInBatch(engine, candidate.resources, batch_size)


class VllmBatch:
    """vLLM in actors of this cluster."""

    def __init__(self, candidate: Candidate, source: str, batch_size: int) -> None:
        assert isinstance(candidate.engine, VllmEngine)
        self.engine = candidate.engine
        self.resources = candidate.resources
        self.source = source
        self.batch_size = batch_size
        self.needs = self._needs()

    def _needs(self) -> dict[str, float]:
        _, replicas = placement.replicas(self.resources)
        found = Counter({"CPU": _WAITING + 3 * _LIGHT["num_cpus"]})
        for bundle in placement.bundles(self.resources) * replicas:
            found.update(bundle)
        return dict(found)

    def answer(self, conversations: "Dataset", sampling: Sampling) -> "Dataset":
        """See BatchEngine."""
        from ray.data.llm import build_processor

        tokenized = conversations.map_batches(
            Tokenize,
            fn_constructor_args=(self.source, self.engine),
            batch_format="pyarrow",
            batch_size=self.batch_size,
            concurrency=1,
            num_cpus=_WAITING,
        )
        parameters = sampling.parameters()
        processor = build_processor(
            self._config(),
            preprocess=lambda row: {"sampling_params": parameters},
            preprocess_map_kwargs=_LIGHT,
            postprocess_map_kwargs=_LIGHT,
        )
        return processor(tokenized).map_batches(_answered, batch_format="pyarrow", **_LIGHT)

    def _config(self) -> "vLLMEngineProcessorConfig":
        from ray.data.llm import vLLMEngineProcessorConfig

        arguments = placement.arguments(self.engine, self.resources)
        fewest = max(1, self.resources.min_replicas)
        return vLLMEngineProcessorConfig(
            model_source=self.source,
            # Rows carry their request's statistics otherwise, and Ray cannot put rows that have
            # them and rows that failed into one block.
            engine_kwargs={**arguments, "disable_log_stats": True},
            log_engine_metrics=False,
            batch_size=self.batch_size,
            concurrency=(fewest, max(fewest, self.resources.max_replicas)),
            accelerator_type=self.resources.accelerator_type,
            placement_group_config={"bundles": placement.bundles(self.resources)},
            runtime_env={"env_vars": placement.variables(self.resources)},
            should_continue_on_error=True,
            chat_template_stage=False,
            tokenize_stage=False,
            detokenize_stage=False,
        )


class Tokenize:
    """Packs the caller's columns, and puts the tokens of the chat beside them."""

    def __init__(self, source: str, engine: VllmEngine) -> None:
        from transformers import AutoTokenizer

        given = engine.args
        self.tokenizer = AutoTokenizer.from_pretrained(
            given.get("tokenizer") or source,
            revision=given.get("tokenizer_revision") or given.get("revision"),
            trust_remote_code=given.get("trust_remote_code", False),
        )
        if engine.chat_template is not None:
            self.tokenizer.chat_template = engine.chat_template

    def __call__(self, table: pa.Table) -> pa.Table:
        """From the caller's columns and ``messages`` to the columns named on top."""
        rows = [self._tokens(messages) for messages in table["messages"].to_pylist()]
        caller = table.drop_columns(["messages"]).to_struct_array().combine_chunks()
        columns = {
            "caller": caller,
            "tokenized_prompt": pa.array([tokens for tokens, _ in rows], pa.list_(pa.int64())),
            _ERROR: pa.array([error for _, error in rows], pa.string()),
        }
        return pa.table(columns)

    def _tokens(self, messages: list[dict[str, str]]) -> tuple[list[int], str]:
        # A template is the model's own little program. Some refuse roles or orders of messages;
        # that is an error of this row, and the row needs some tokens to keep the column's type.
        from jinja2 import TemplateError

        try:
            encoded = self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=True
            )
        except (TemplateError, ValueError) as error:
            return [0], f"{type(error).__name__}: {error}"
        return list(encoded["input_ids"]), ""


def _answered(table: pa.Table) -> pa.Table:
    """The columns given back, from those that Ray's processor leaves."""
    failed = pc.not_equal(table[_ERROR], "")
    columns = _fields(table["caller"])
    for name, source in (
        ("output", "generated_text"),
        ("prompt_tokens", "num_input_tokens"),
        ("completion_tokens", "num_generated_tokens"),
        ("seconds", "time_taken_llm"),
    ):
        kind = COMPLETION.field(name).type
        null = pa.scalar(None, kind)
        known = source in table.column_names  # not so where no row of the block was answered
        columns[name] = pc.if_else(failed, null, table[source].cast(kind) if known else null)
    columns["error"] = pc.if_else(failed, table[_ERROR], pa.scalar(None, pa.string()))
    return pa.table(columns)


def _fields(structs: pa.ChunkedArray) -> dict[str, pa.Array]:
    names = [field.name for field in structs.type]
    return dict(zip(names, structs.combine_chunks().flatten(), strict=True))


class RemoteBatch:
    """An OpenAI-compatible endpoint elsewhere; each batch's questions are sent side by side."""

    def __init__(self, engine: RemoteEngine, batch_size: int) -> None:
        self.engine = engine
        self.batch_size = batch_size
        self.needs = {"CPU": _WAITING}

    def answer(self, conversations: "Dataset", sampling: Sampling) -> "Dataset":
        """See BatchEngine."""
        return conversations.map_batches(
            _Ask,
            fn_constructor_args=(self.engine, sampling),
            batch_format="pyarrow",
            batch_size=self.batch_size,
            concurrency=1,
            max_concurrency=self.engine.concurrency,
            num_cpus=_WAITING,
        )


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(BaseModel):
    """What is read of an endpoint's answer; the client itself checks none of it."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Ask:
    """Asks the endpoint; reads the key where it runs, so that it is never sent or stored."""

    def __init__(self, engine: RemoteEngine, sampling: Sampling) -> None:
        from openai import AsyncOpenAI

        self.model = engine.model
        self.parameters = sampling.parameters()
        self.client = AsyncOpenAI(
            base_url=engine.url,
            api_key=engine.key() or "none",  # the client insists on one
            max_retries=_RETRIES,
            timeout=_ANSWER_SECONDS,
        )

    async def __call__(self, table: pa.Table) -> AsyncIterator[pa.Table]:
        conversations = table["messages"].to_pylist()
        answers = await asyncio.gather(*map(self._answer, conversations))
        yield _with(table, pa.Table.from_pylist(answers, schema=COMPLETION))

    async def _answer(self, messages: Any) -> dict[str, Any]:
        from openai import OpenAIError

        began = time.monotonic()
        try:
            raw = await self.client.chat.completions.with_raw_response.create(
                model=self.model, messages=messages, **self.parameters
            )
            reply = _Reply.model_validate_json(raw.content)
        except OpenAIError as error:
            return {"error": f"{type(error).__name__}: {error}"}
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "(whole body)"
            return {"error": f"the answer is not OpenAI's format: {place}: {first['msg']}"}
        usage = reply.usage or _Usage()
        return {
            "output": reply.choices[0].message.content or "",
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "seconds": time.monotonic() - began,
        }


class StandInBatch:
    """Answers the same always, a batch at a time in each replica; a batch takes one answer's time.

    Nothing is computed meanwhile: any number of replicas fits on a core.
    """

    def __init__(self, engine: StandInEngine, resources: Resources, batch_size: int) -> None:
        self.engine = engine
        _, self.replicas = placement.replicas(resources)
        self.batch_size = batch_size
        self.needs = {"CPU": self.replicas * _LIGHT["num_cpus"]}

    def answer(self, conversations: "Dataset", sampling: Sampling) -> "Dataset":
        """See BatchEngine."""
        reply = partial(_stand_in, engine=self.engine)
        return conversations.map_batches(
            reply,
            batch_format="pyarrow",
            batch_size=self.batch_size,
            concurrency=self.replicas,
            **_LIGHT,
        )


def _stand_in(table: pa.Table, engine: StandInEngine) -> pa.Table:
    time.sleep(engine.seconds)
    rows = table.num_rows
    said = {
        "output": pa.repeat(engine.reply, rows),
        "prompt_tokens": _words(table["messages"].combine_chunks()),
        "completion_tokens": pa.repeat(len(engine.reply.split()), rows),
        "seconds": pa.repeat(engine.seconds, rows),
        "error": pa.nulls(rows, pa.string()),
    }
    return _with(table, pa.table(said).cast(COMPLETION))


def _words(chats: pa.ListArray) -> pa.Array:
    """How many words each chat has; they stand for tokens."""
    chat_of = pc.list_parent_indices(chats)
    words = pc.list_value_length(pc.utf8_split_whitespace(pc.list_flatten(chats).field("content")))
    counts = np.bincount(chat_of, weights=words, minlength=len(chats))
    return pa.array(counts.astype(np.int64))


def _with(table: pa.Table, answers: pa.Table) -> pa.Table:
    """The caller's columns without the messages, and those of the completions."""
    given_back = table.drop_columns(["messages"])
    for name in COMPLETION.names:
        given_back = given_back.append_column(name, answers[name])
    return given_back
