"""The OpenAI-compatible ingress: Ray's own, with one more model name that lets us choose.

A request for ``auto`` is scored by the selector and goes to the chosen candidate; a request for a
candidate's id goes straight there. Everything else (parameters, streaming, errors, model cards) is
Ray's. What was chosen stands in the response: ``model``, the headers, and a ``model_sat`` object
(in the first event of a stream) which OpenAI clients ignore. A request may have an object
``model_sat`` too, with its wishes (``actors.router.rules.Wish``). ``/v1/select`` chooses only.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeAlias

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field, model_validator
from ray.serve.handle import DeploymentHandle
from ray.serve.llm.ingress import OpenAiIngress
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest

from actors.router.requests import ChatBody, CompletionBody
from actors.router.rules import Choice, Rules, Wish
from actors.selector.instruction import instruction_text
from cluster.errors import UserError
from cluster.settings import Section, validated

CANDIDATE_HEADER = "x-model-sat-candidate"
SCORES_HEADER = "x-model-sat-scores"
_EVENT = "data: "

Chat: TypeAlias = list[dict[str, Any]]


class _Wished(Section):
    model_sat: Wish = Wish()


class SelectRequest(_Wished):
    """Body of ``/v1/select``: a prompt, a chat, or several instructions of either form."""

    prompt: str | None = None
    messages: Chat | None = None
    instructions: list[str | Chat] | None = Field(None, min_length=1, max_length=1024)

    @model_validator(mode="after")
    def _one_of_three(self) -> "SelectRequest":
        given = [self.prompt, self.messages, self.instructions]
        if sum(found is not None for found in given) != 1:
            raise ValueError("needs exactly one of 'prompt', 'messages' and 'instructions'")
        return self

    def all(self) -> list[str | Chat]:
        """Every instruction that was given."""
        one = self.prompt if self.prompt is not None else self.messages
        return [one] if one is not None else self.instructions or []


@contextmanager
def _callers_mistake() -> Iterator[None]:
    """Makes an HTTPException 400 of a UserError."""
    try:
        yield
    except UserError as error:
        raise HTTPException(400, str(error)) from error


class SelectingIngress(OpenAiIngress):  # type: ignore[misc]  # Ray's classes carry no types
    """Ray's OpenAI ingress that resolves the model name ``auto`` by asking the selector."""

    def __init__(
        self,
        *args: Any,
        selector: DeploymentHandle,
        auto_name: str,
        rules: Rules,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._selector = selector
        self._auto_name = auto_name
        self._rules = rules

    async def model(self, model_id: str) -> Any:
        """The card of a candidate, or of ``auto``."""
        if model_id != self._auto_name:
            return await super().model(model_id)
        card = next(iter(self._model_cards.values()))
        chooses = {
            "candidates": sorted(self._rules.candidates),
            "policy": self._rules.policy.model_dump(),
            "allow_policies": self._rules.allow_policies,
        }
        return card.model_copy(
            update={"id": self._auto_name, "owned_by": "model-sat", "metadata": chooses}
        )

    async def models(self) -> Any:
        """All candidates and ``auto``."""
        cards = await super().models()
        cards.data.insert(0, await self.model(self._auto_name))
        return cards

    async def chat(self, body: ChatBody, request: Request) -> Response:
        """Answers a chat."""
        response: Response = await super().chat(body, request)
        return response

    async def completions(self, body: CompletionBody, request: Request) -> Response:
        """Completes a prompt."""
        response: Response = await super().completions(body, request)
        return response

    async def select(self, body: SelectRequest) -> Response:
        """Scores and choice for every instruction, in their order; nothing is generated."""
        texts = [instruction_of(given) for given in body.all()]
        choices = await self._choices(texts, body.model_sat)
        return JSONResponse({"object": "list", "data": [asdict(choice) for choice in choices]})

    async def _process_llm_request(
        self,
        body: ChatCompletionRequest | CompletionRequest,
        call_method: str,
        raw_request: Request | None = None,
    ) -> Response:
        choice = None
        wish = taken_wish(body)
        if body.model == self._auto_name:
            (choice,) = await self._choices([requested_text(body)], checked_wish(wish))
            body.model = choice.candidate
        response: Response = await super()._process_llm_request(body, call_method, raw_request)
        return with_choice(response, choice) if choice else response

    async def _choices(self, texts: Sequence[str], wish: Wish) -> list[Choice]:
        with _callers_mistake():
            rules = self._rules.within(wish)
        scores = await asyncio.gather(*(self._selector.scores.remote(text) for text in texts))
        return [rules.choice(of) for of in scores]


def taken_wish(body: ChatCompletionRequest | CompletionRequest) -> Any:
    """Takes ``model_sat`` out of a request, as it was sent: candidates never see it."""
    return (body.model_extra or {}).pop("model_sat", {})


@_callers_mistake()
def checked_wish(wish: Any) -> Wish:
    """``model_sat`` of a request. Raises HTTPException 400 where it breaks a rule."""
    return validated(_Wished, {"model_sat": wish}, "request").model_sat


@_callers_mistake()
def requested_text(body: ChatCompletionRequest | CompletionRequest) -> str:
    """The instruction in a request. Raises HTTPException 400 where there is no text in it."""
    if isinstance(body, CompletionRequest):  # which may carry messages too, and ignores them
        return instruction_of(_prompt_text(body.prompt))
    return instruction_of(body.messages)


def _prompt_text(prompt: Any) -> str:
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not all(isinstance(part, str) for part in prompts):
        raise UserError("a candidate is chosen by text: 'prompt' must be text, not tokens")
    return "\n".join(prompts)  # several prompts of one request go to one candidate


@_callers_mistake()
def instruction_of(prompt_or_chat: str | Chat) -> str:
    """The text a candidate is chosen by. Raises HTTPException 400 where there is none."""
    if isinstance(prompt_or_chat, str):
        prompt_or_chat = [{"role": "user", "content": prompt_or_chat.strip()}]
    return instruction_text(prompt_or_chat)


def choice_headers(choice: Choice) -> dict[str, str]:
    """The choice as HTTP headers."""
    return {CANDIDATE_HEADER: choice.candidate, SCORES_HEADER: json.dumps(choice.scores)}


def with_choice(response: Response, choice: Choice) -> Response:
    """The response with the choice in its headers and its JSON, or in a stream's first event."""
    if isinstance(response, StreamingResponse):
        response.headers.update(choice_headers(choice))
        response.body_iterator = _first_event_with(response.body_iterator, choice)
        return response
    content = json.loads(bytes(response.body))
    return JSONResponse(
        {**content, "model_sat": asdict(choice)}, response.status_code, choice_headers(choice)
    )


async def _first_event_with(stream: Any, choice: Choice) -> AsyncIterator[str]:
    waiting = True
    async for chunk in stream:
        if waiting and chunk.startswith(_EVENT):
            # One chunk may hold several events; only the first one is taken apart.
            event, _, rest = chunk.removeprefix(_EVENT).partition("\n\n")
            first = json.dumps({**json.loads(event), "model_sat": asdict(choice)})
            chunk, waiting = f"{_EVENT}{first}\n\n{rest}", False
        yield chunk
