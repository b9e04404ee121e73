"""What came of one request: the page that journal, metrics and traces read."""

import re
from dataclasses import dataclass

from actors.router.rules import Choice

# Classes of the reasons in ``Choice.passed_over``, by how the sentences begin that say them in
# ``service``, ``rules`` and ``forwarding``.
_CLASSES = {
    "down": re.compile(r"no replica of it"),
    "breaker": re.compile(r"it failed again and again"),
    "timeout": re.compile(r"its answer (?:did not begin|was not there)"),
    "too-long": re.compile(
        r"its context window|4\d\d: .*(?:context (?:length|window)|max_model_len)"
    ),
    "busy": re.compile(r"429: "),
    "refused": re.compile(r"\d{3}: "),
    "failed": re.compile(r"\w+: |its answer was empty"),
}
REASONS = (*_CLASSES, OTHER := "other")


def reason_class(reason: str) -> str:
    """One of ``REASONS``: what may be kept, counted and grouped by.

    The reason itself may quote what a candidate said, and that the prompt: it stays out of store,
    metrics and traces.
    """
    return next((name for name, begins in _CLASSES.items() if begins.match(reason)), OTHER)


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
