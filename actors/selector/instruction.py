"""The text side of a capability instruction z = [c^m, x, p] (paper: eq. 3).

Owns the inquiry p and its two answers, the token ids of [x, p] for a decoder, the plain text of a
chat, and the windows in which c^m is read. Embeddings and scores are the network's business.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from cluster.errors import UserError

INQUIRY = (
    "\n\nPredict whether the model can handle the instruction above, "
    "indicating 'Yes' or 'No'.\nAnswer:"
)
YES = " Yes"
NO = " No"
_LONGEST_TOKEN = 32  # characters, nearly always


class InquiryTokenizer:
    """Turns an instruction x into the token ids of [x, p], and knows those of the answers to p."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_instruction_tokens: int) -> None:
        """Raises UserError if 'Yes' or 'No' is not a single token after p."""
        self.tokenizer = tokenizer
        self.max_instruction_tokens = max_instruction_tokens
        self.inquiry = self.tokens(INQUIRY)
        self.yes = self._answer(YES)
        self.no = self._answer(NO)
        if self.yes == self.no:
            raise UserError("the decoder's tokenizer has one and the same token for 'Yes' and 'No'")

    def ids(self, instruction: str) -> list[int]:
        """The ids of [x, p]; a long x keeps its head and its tail, p is never cut."""
        text = clipped(instruction, self.max_instruction_tokens)
        return shortened(self.tokens(text), self.max_instruction_tokens) + self.inquiry

    def tokens(self, text: str) -> list[int]:
        """The ids of a text's words."""
        # Text that looks like a special token, such as <|im_end|>, is the user's and stays text.
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        return ids

    def _answer(self, word: str) -> int:
        ids = self.tokens(INQUIRY + word)
        if len(ids) != len(self.inquiry) + 1 or ids[:-1] != self.inquiry:
            raise UserError(
                f"the decoder's tokenizer must have a single token for '{word}' after the inquiry; "
                f"it makes {ids[len(self.inquiry) :]} of it"
            )
        unknown = self.tokenizer.unk_token_id
        if ids[-1] == unknown:
            raise UserError(f"the decoder's tokenizer does not know the answer '{word}'")
        return ids[-1]


def clipped(text: str, tokens: int) -> str:
    """``text``, or head and tail of one that is far longer than ``tokens``.

    Tokenizers take seconds for megabytes of which nearly all would be thrown away.
    """
    most = tokens * _LONGEST_TOKEN
    return text if len(text) <= 2 * most else text[:most] + text[-most:]


def shortened(ids: list[int], limit: int) -> list[int]:
    """``ids``, or where there are more than ``limit``: as many of its head as of its tail."""
    if len(ids) <= limit:
        return ids
    tail = limit // 2
    return ids[: limit - tail] + ids[len(ids) - tail :]


def instruction_text(prompt_or_messages: str | Sequence[Mapping[str, Any]]) -> str:
    """The text x of an instruction: a prompt as it is, or the turns of a chat.

    A chat of one user message is that message. In longer ones each turn is led by its role.
    Of a message in parts (OpenAI's form) the text parts count.

    Raises:
        UserError: neither a text nor messages that hold any text.
    """
    if isinstance(prompt_or_messages, str):
        return prompt_or_messages
    turns = [_turn(message) for message in prompt_or_messages]
    if not any(content for _, content in turns):
        raise UserError("an instruction must be a text, or chat messages with text in them")
    if len(turns) == 1 and turns[0][0] == "user":
        return turns[0][1]
    return "\n\n".join(f"{role}: {content}" for role, content in turns)


def _turn(message: Any) -> tuple[str, str]:
    try:
        role, content = message["role"], _content(message.get("content"))
        if not isinstance(role, str):
            raise TypeError(role)
        return role, content
    except (AttributeError, KeyError, TypeError) as error:
        found = str(message)[:80]
        raise UserError(f"a chat message needs 'role' and 'content'; found {found}") from error


def _content(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    if content is None:  # an assistant's turn that only calls tools
        return ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def windows(lines: Sequence[str], fits: Callable[[str], bool], join: bool = True) -> list[str]:
    """The lines of c^m packed, in order, into texts that fit an encoder's window.

    Args:
        lines: sentences of c^m; none is cut or left out.
        fits: whether a text fits the window.
        join: False gives every line a window of its own.

    Raises:
        UserError: a single line does not fit.
    """
    packed: list[str] = []
    for line in lines:
        if join and packed and fits(f"{packed[-1]}\n{line}"):
            packed[-1] += f"\n{line}"
        elif fits(line):
            packed.append(line)
        else:
            raise UserError(
                f"a line of a capability card is longer than the encoder's window: '{line[:80]}...'"
            )
    return packed
