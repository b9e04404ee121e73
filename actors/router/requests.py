"""Reads what a request asks: its instruction, its wishes, and what it takes to answer it.

Everything that is wrong with a request is the caller's mistake: an HTTPException 400 with one line.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from fastapi import HTTPException
from pydantic import Field, model_validator

from actors.router.bodies import ChatBody, CompletionBody
from actors.router.rules import Wish
from actors.selector.instruction import instruction_text
from cluster.errors import UserError
from cluster.settings import Section, validated

Chat: TypeAlias = list[dict[str, Any]]
Body: TypeAlias = ChatBody | CompletionBody


class Wished(Section):
    """A body with wishes."""

    model_sat: Wish = Wish()


class SelectRequest(Wished):
    """Body of ``/v1/select``: a prompt, a chat, or several instructions of either form."""

    prompt: str | None = None
    messages: Chat | None = None
    instructions: list[str | Chat] | None = Field(None, min_length=1, max_length=1024)
    tasks: int = Field(0, ge=0, le=100, description="how many of the nearest core tasks to tell")

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


class Asked(NamedTuple):
    """What a candidate is chosen by.

    Attributes:
        text: the instruction.
        prompt_bytes: of the longest prompt; several prompts of a request stand alone in a window.
        messages: of a chat; none of a plain prompt.
        answer_tokens: how long the answer may become; 0 where that is not said.
        streams: whether it is to come as a stream.
    """

    text: str
    prompt_bytes: int
    messages: Chat
    answer_tokens: int
    streams: bool


@contextmanager
def callers_mistake() -> Iterator[None]:
    """Makes an HTTPException 400 of a UserError."""
    try:
        yield
    except UserError as error:
        raise HTTPException(400, str(error)) from error


def taken_wish(body: Body) -> Any:
    """Takes ``model_sat`` out of a request, as it was sent: candidates never see it."""
    return (body.model_extra or {}).pop("model_sat", {})


@callers_mistake()
def checked_wish(wish: Any) -> Wish:
    """``model_sat`` of a request. Raises HTTPException 400 where it breaks a rule."""
    return validated(Wished, {"model_sat": wish}, "request").model_sat


def asked_of(body: Body) -> Asked:
    """What a request asks. Raises HTTPException 400 where there is no text in it."""
    text = requested_text(body)
    most = getattr(body, "max_completion_tokens", None) or body.max_tokens or 0
    chat = body.messages if isinstance(body, ChatBody) else []
    prompts = _prompts(body.prompt) if isinstance(body, CompletionBody) else [text]
    longest = max(len(prompt.encode()) for prompt in prompts)
    return Asked(text, longest, [dict(message) for message in chat], most, bool(body.stream))


@callers_mistake()
def requested_text(body: Body) -> str:
    """The instruction in a request. Raises HTTPException 400 where there is no text in it."""
    if isinstance(body, CompletionBody):  # which may carry messages too, and ignores them
        # Several prompts of one request go to one candidate.
        return instruction_of("\n".join(_prompts(body.prompt)))
    return instruction_of(body.messages)


def _prompts(prompt: Any) -> list[str]:
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not all(isinstance(part, str) for part in prompts):
        raise UserError("a candidate is chosen by text: 'prompt' must be text, not tokens")
    return prompts


@callers_mistake()
def instruction_of(prompt_or_chat: str | Chat) -> str:
    """The text a candidate is chosen by. Raises HTTPException 400 where there is none."""
    if isinstance(prompt_or_chat, str):
        prompt_or_chat = [{"role": "user", "content": prompt_or_chat.strip()}]
    return instruction_text(prompt_or_chat)
