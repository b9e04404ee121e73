"""Feedback: what a body may hold, and what its answer says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException
from pydantic import ValidationError

from actors.router.answered import Answered
from actors.router.feedback import FeedbackRequest, take_feedback
from actors.router.journal import Journal
from actors.router.records import read_feedback
from cluster.settings import JournalSettings
from cluster.store import Store

MakeAnswered = Callable[..., Answered]


def test_feedback_is_kept_whether_or_not_this_replica_knows_the_answer(
    tmp_path: Path, make_answered: MakeAnswered
) -> None:
    store = Store(str(tmp_path / "store"))
    log = Journal(store, JournalSettings())
    log.record(make_answered("mine"))
    mine = take_feedback(log, FeedbackRequest(id="mine", score=1.0, comment="well"), "team")
    others = take_feedback(log, FeedbackRequest(id="another's", score=0.25))
    log.close()
    assert (mine.status_code, others.status_code) == (200, 202)
    assert json.loads(bytes(others.body)) == {
        "object": "feedback",
        "id": "another's",
        "score": 0.25,
        "known": False,
    }
    rows = read_feedback(store).drop_columns(["time"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("mine", 1.0, "well", "team"),
        ("another's", 0.25, None, None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "r"},
        {"score": 1},
        {"id": "", "score": 1},
        {"id": "r" * 257, "score": 1},
        {"id": "a b", "score": 1},
        {"id": "r\n", "score": 1},
        {"id": "r\0", "score": 1},
        {"id": 3, "score": 1},
        {"id": "r", "score": float("nan")},
        {"id": "r", "score": float("inf")},
        {"id": "r", "score": -0.1},
        {"id": "r", "score": 1.1},
        {"id": "r", "score": True},
        {"id": "r", "score": "0.5"},
        {"id": "r", "score": None},
        {"id": "r", "score": 1, "comment": "x" * 4097},
        {"id": "r", "score": 1, "comment": "\ud800"},
        {"id": "r", "score": 1, "mood": "fine"},
    ],
)
def test_what_is_no_feedback_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FeedbackRequest.model_validate(body)


def test_where_no_journal_is_kept_there_is_no_feedback() -> None:
    with pytest.raises(HTTPException, match=r"404: .*router\.journal\.enabled"):
        take_feedback(None, FeedbackRequest(id="r", score=1))
