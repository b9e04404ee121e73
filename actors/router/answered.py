"""What came of one request: the page that journal, metrics and traces read."""

from dataclasses import dataclass

from actors.router.rules import Choice

# Why a candidate was passed over. A reason is one of these, or one and a detail: "timeout: 30 s".
REASONS = ("breaker", "unreachable", "timeout", "refused", "too-long", "failed")
OTHER = "other"


def reason_class(reason: str) -> str:
    """The word that a reason begins with, or ``other``: what may be kept, counted and grouped by.

    A detail may quote what a candidate said, and that the prompt: it stays out of store, metrics
    and traces.
    """
    word = reason.partition(":")[0]
    return word if word in REASONS else OTHER


@dataclass(frozen=True)
class Answered:
    """One request for which the router chose, after its last token.

    Attributes:
        response_id: OpenAI's ``id`` of the answer; feedback names it.
        instruction: the text that a candidate was chosen by.
        choice: who answered, and why.
        selection_seconds: until the choice.
        first_seconds: until the first token of the answer, or all of it where it is not streamed.
        seconds: until the last token.
        prompt_tokens: None where the engine did not say.
        completion_tokens: likewise.
        cost: US dollars; None where tokens or the candidate's price are not known.
        broken: why the answer ended early; None where it is whole.
        key_name: of the API key that came with the request; never the key.
    """

    response_id: str
    instruction: str
    choice: Choice
    selection_seconds: float
    first_seconds: float
    seconds: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    broken: str | None = None
    key_name: str | None = None
