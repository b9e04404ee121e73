"""The OpenAI-compatible ingress: Ray's own, with one more model name that lets us choose.

A request for ``auto`` is scored by the selector and goes to the chosen candidate; a request for a
candidate's id goes straight there. Everything else (parameters, streaming, errors, model cards) is
Ray's. What was chosen stands in the response: ``model``, the headers, and a ``model_sat`` object
(in the first event of a stream) which OpenAI clients ignore.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from ray.serve.handle import DeploymentHandle
from ray.serve.llm.ingress import OpenAiIngress
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest

from actors.router.policy import best_quality
from actors.selector.instruction import instruction_text
from cluster.errors import UserError

CANDIDATE_HEADER = "x-model-sat-candidate"
SCORES_HEADER = "x-model-sat-scores"
_EVENT = "data: "


@dataclass(frozen=True)
class Choice:
    """Which candidate answers, and the P('Yes') of every candidate."""

    candidate: str
    scores: Mapping[str, float]

    def headers(self) -> dict[str, str]:
        """The choice as HTTP headers."""
        return {CANDIDATE_HEADER: self.candidate, SCORES_HEADER: json.dumps(self.scores)}


class SelectingIngress(OpenAiIngress):  # type: ignore[misc]  # Ray's classes carry no types
    """Ray's OpenAI ingress that resolves the model name ``auto`` by asking the selector."""

    def __init__(
        self, *args: Any, selector: DeploymentHandle, auto_name: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._selector = selector
        self._auto_name = auto_name

    async def model(self, model_id: str) -> Any:
        """The card of a candidate, or of ``auto``."""
        if model_id != self._auto_name:
            return await super().model(model_id)
        card = next(iter(self._model_cards.values()))
        chooses_among = {"candidates": sorted(self._model_cards)}
        return card.model_copy(
            update={"id": self._auto_name, "owned_by": "model-sat", "metadata": chooses_among}
        )

    async def models(self) -> Any:
        """All candidates and ``auto``."""
        cards = await super().models()
        cards.data.insert(0, await self.model(self._auto_name))
        return cards

    async def _process_llm_request(
        self,
        body: ChatCompletionRequest | CompletionRequest,
        call_method: str,
        raw_request: Request | None = None,
    ) -> Response:
        try:
            choice = await self._choose(body) if body.model == self._auto_name else None
            body.model = choice.candidate if choice else body.model
            response: Response = await super()._process_llm_request(body, call_method, raw_request)
        except HTTPException as error:  # FastAPI would answer it in a form of its own
            return openai_error(error.status_code, error.detail)
        return with_choice(response, choice) if choice else response

    async def _choose(self, body: ChatCompletionRequest | CompletionRequest) -> Choice:
        scores = await self._selector.scores.remote(requested_text(body))
        return Choice(best_quality(scores), scores)


def openai_error(status: int, message: str) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": status}
    return JSONResponse({"error": error}, status)


def requested_text(body: ChatCompletionRequest | CompletionRequest) -> str:
    """The instruction in a request. Raises HTTPException 400 where there is no text in it."""
    try:
        return _chat_text(body.messages) if hasattr(body, "messages") else _prompt_text(body.prompt)
    except UserError as error:
        raise HTTPException(400, str(error)) from error


def _chat_text(messages: list[dict[str, Any]]) -> str:
    for message in messages:
        if not isinstance(message.get("content"), str | None):
            # Pydantic hands parts over as an iterator that can be read once only.
            message["content"] = list(message["content"])
    return instruction_text(messages)


def _prompt_text(prompt: Any) -> str:
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not all(isinstance(part, str) for part in prompts):
        raise UserError("a candidate is chosen by text: 'prompt' must be text, not tokens")
    # Several prompts of one request go to one candidate.
    return instruction_text([{"role": "user", "content": "\n".join(prompts).strip()}])


def with_choice(response: Response, choice: Choice) -> Response:
    """The response with the choice in its headers and its JSON, or in a stream's first event."""
    if isinstance(response, StreamingResponse):
        response.headers.update(choice.headers())
        response.body_iterator = _first_event_with(response.body_iterator, choice)
        return response
    content = json.loads(bytes(response.body))
    return JSONResponse(
        {**content, "model_sat": asdict(choice)}, response.status_code, choice.headers()
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
