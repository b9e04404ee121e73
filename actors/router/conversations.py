"""Which candidate a conversation is with: later turns find its prefix cache warm. Pure, no Ray.

A conversation is known by its messages up to the last answer, which the client sends again with
every turn; nothing is asked of the client. Hashes are kept, no text. Each ingress replica knows
the conversations it has seen; a request may say ``stay_with`` instead.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cachetools import TTLCache

_MOST = 65536
_SECONDS = 3600.0


class Conversations:
    """The candidates of the conversations of the last hour."""

    def __init__(self) -> None:
        self._candidates: TTLCache[bytes, str] = TTLCache(_MOST, _SECONDS)

    def answered(self, messages: Sequence[Mapping[str, Any]], candidate: str) -> None:
        """Says who answered these messages."""
        self._candidates[_digest(messages)] = candidate

    def candidate(self, messages: Sequence[Mapping[str, Any]]) -> str | None:
        """Who gave the last answer in these messages; None if there is none that is known."""
        answers = [n for n, message in enumerate(messages) if message.get("role") == "assistant"]
        if not answers:
            return None
        found: str | None = self._candidates.get(_digest(messages[: answers[-1]]))
        return found


def _digest(messages: Sequence[Mapping[str, Any]]) -> bytes:
    text = json.dumps([dict(message) for message in messages], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
