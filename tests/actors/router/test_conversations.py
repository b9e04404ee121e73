from typing import Any

from actors.router.conversations import Conversations


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


FIRST = [turn("system", "Be brief."), turn("user", "Hi")]
SECOND = [*FIRST, turn("assistant", "Hello!"), turn("user", "And now?")]


def test_a_later_turn_is_known_by_what_came_before_the_last_answer() -> None:
    conversations = Conversations()
    assert conversations.candidate(FIRST) is None
    conversations.answered(FIRST, "a")
    assert conversations.candidate(FIRST) is None  # asked again: nothing was answered yet
    assert conversations.candidate(SECOND) == "a"
    conversations.answered(SECOND, "b")
    third = [*SECOND, turn("assistant", "Then."), turn("user", "Why?")]
    assert conversations.candidate(third) == "b"
    assert conversations.candidate(SECOND) == "a"
    assert conversations.candidate([turn("user", "Hi"), *SECOND[2:]]) is None


def test_a_tools_answer_belongs_to_the_turn() -> None:
    conversations = Conversations()
    conversations.answered(FIRST, "a")
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    tool = {"role": "tool", "tool_call_id": "1", "content": "42"}
    assert conversations.candidate([*FIRST, called, tool]) == "a"


def test_half_a_character_is_a_message_as_any() -> None:
    conversations = Conversations()
    odd = [turn("user", "\ud800")]
    conversations.answered(odd, "a")
    assert conversations.candidate([*odd, turn("assistant", ""), turn("user", "x")]) == "a"
