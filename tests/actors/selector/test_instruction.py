from collections.abc import Callable
from typing import Any

import pytest
from transformers import AutoTokenizer

from actors.selector.instruction import (
    INQUIRY,
    InquiryTokenizer,
    clipped,
    instruction_text,
    shortened,
    windows,
)
from cluster.errors import UserError
from cluster.settings import SelectorSettings


def fits_ten_words(text: str) -> bool:
    return len(text.split()) <= 10


def test_windows_hold_every_line_whole_and_in_order() -> None:
    lines = [f"line {index} has these words" for index in range(7)]
    packed = windows(lines, fits_ten_words)
    assert "\n".join(packed).split("\n") == lines
    assert len(packed) == 4
    assert all(fits_ten_words(text) for text in packed)


def test_a_line_longer_than_the_window_is_an_error() -> None:
    with pytest.raises(UserError, match="longer than the encoder's window: 'word word"):
        windows(["short", "word " * 11], fits_ten_words)


def test_long_instructions_keep_head_and_tail() -> None:
    assert shortened(list(range(10)), 10) == list(range(10))
    assert shortened(list(range(10)), 5) == [0, 1, 2, 8, 9]


def test_inquiry_ends_the_ids_however_long_the_instruction(
    tiny_sources: Callable[..., SelectorSettings],
) -> None:
    settings = tiny_sources()
    tokenizer = AutoTokenizer.from_pretrained(settings.decoder)
    inquiry = InquiryTokenizer(tokenizer, 8)
    ids = inquiry.ids("What is the capital of France? " * 50)
    assert len(ids) == 8 + len(inquiry.inquiry)
    assert tokenizer.decode(ids).endswith(INQUIRY)
    assert tokenizer.decode([inquiry.yes, inquiry.no]) == " Yes No"


def test_special_tokens_in_an_instruction_stay_text(
    tiny_sources: Callable[..., SelectorSettings],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_sources().decoder)
    ids = InquiryTokenizer(tokenizer, 64).ids("<|end|>")
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids).startswith("<|end|>")


def test_a_tokenizer_without_a_token_for_yes_is_an_error(
    tiny_sources: Callable[..., SelectorSettings],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_sources().encoder)  # knows no ' Yes'
    with pytest.raises(UserError, match="' Yes'"):
        InquiryTokenizer(tokenizer, 64)


def test_instruction_text_of_prompts_and_chats() -> None:
    assert instruction_text("Hello") == "Hello"
    assert instruction_text([{"role": "user", "content": "Hello"}]) == "Hello"
    chat: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": None, "tool_calls": []},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
            ],
        },
    ]
    assert instruction_text(chat) == "system: Be brief.\n\nassistant: \n\nuser: What is this?"


@pytest.mark.parametrize(
    "wrong",
    [[], [1, 2], [{"content": "x"}], [{"role": "user"}], [{"role": 5, "content": "x"}]],
)
def test_instructions_without_text_are_errors(wrong: Any) -> None:
    with pytest.raises(UserError, match="chat message"):
        instruction_text(wrong)


def test_far_too_long_a_text_keeps_head_and_tail() -> None:
    text = " ".join(map(str, range(10**5)))
    short = clipped(text, 100)
    assert len(short) == 2 * 32 * 100
    assert text.startswith(short[:3200])
    assert text.endswith(short[3200:])
    assert clipped(text[:6400], 100) == text[:6400]
