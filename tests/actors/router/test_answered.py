"""Reasons: what of them is kept and counted."""

import pytest

from actors.router.answered import REASONS, reason_class


@pytest.mark.parametrize("word", REASONS)
def test_a_reason_is_a_word_and_perhaps_a_detail(word: str) -> None:
    assert reason_class(word) == reason_class(f"{word}: on 'my secret': 3") == word


@pytest.mark.parametrize("reason", ["", "my secret", "timeouts", ": timeout", "my secret: timeout"])
def test_anything_else_is_other(reason: str) -> None:
    assert reason_class(reason) == "other"
