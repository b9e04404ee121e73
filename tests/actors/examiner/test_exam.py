"""Exams of stand-in candidates on a local Ray; a real one sits in router/test_app_vllm.py."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from actors.examiner.aptitude import planned_test
from actors.examiner.exam import capability_card, examine
from actors.examiner.records import (
    load_cards,
    load_outcomes,
    load_test_questions,
    write_result,
)
from cluster.errors import EngineError, StoreError
from cluster.settings import SelectorSettings, Settings
from cluster.store import Store
from cluster.tables import OUTCOMES, from_rows
from cluster.zoo import Candidate, Zoo


def settings(store: Store, **exam: Any) -> Settings:
    values = {"tasks": 5, "shots": 4, "practice": 2, "batch_size": 8, **exam}
    selector = {"encoder": "unused", "decoder": "unused"}
    return Settings.model_validate(
        {"store": store.url, "zoo": "unused", "exam": values, "selector": selector}
    )


def stand_in(id: str, reply: str, **more: Any) -> Candidate:
    engine = {"kind": "stand-in", "reply": reply}
    return Candidate.model_validate({"id": id, "engine": engine, **more})


def zoo(*candidates: Candidate) -> Zoo:
    return Zoo(name="toy", candidates=list(candidates))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def test_stand_ins_score_the_share_of_their_letter(ray_cluster: None, any_store: Store) -> None:
    store = any_store
    always = zoo(stand_in("always-a", "A"), stand_in("always-b", "The answer is (B)."))
    cards = examine(always, settings(store), store)
    test = planned_test(settings(store).exam)
    assert [card.model_id for card in cards] == ["always-a", "always-b"]
    for letter, card in zip("AB", cards, strict=True):
        assert card.test == test.hash
        rows = test.questions.to_pylist()
        right = Counter(row["category"] for row in rows if row["answer"] == letter)
        assert {result.task: result.accuracy for result in card.tasks} == {
            row["category"]: right[row["category"]] / 4 for row in rows
        }
        assert {result.count for result in card.tasks} == {4}
        assert all(len(result.keywords) == 5 for result in card.tasks)

    outcomes = load_outcomes(store, test.hash, ["always-a", "always-b"])
    assert outcomes.num_rows == 2 * 5 * (4 + 2)
    assert set(outcomes["score"].to_pylist()) == {0.0, 1.0}
    asked = load_test_questions(store, test.hash)
    assert Counter(asked["part"].to_pylist()) == {"test": 20, "practice": 10}
    assert load_cards(store, test.hash, ["always-b"]) == [cards[1]]


def test_only_what_is_new_is_examined(
    ray_cluster: None, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actors.examiner.exam")
    asked = settings(store, practice=0)
    examine(zoo(stand_in("one", "A")), asked, store)
    changed = zoo(stand_in("one", "A", notes="Speaks Latin."), stand_in("two", "B"))
    caplog.clear()
    cards = examine(changed, asked, store)
    logged = caplog.text
    assert "one: has a card" in logged
    assert "two: has a card" not in logged
    assert cards[0].notes == "Speaks Latin."

    caplog.clear()
    examine(zoo(stand_in("one", "B")), asked, store)
    assert "has a card" not in caplog.text, "another engine is another candidate"

    caplog.clear()
    examine(zoo(stand_in("one", "B")), settings(store, practice=1), store)
    assert "has a card" not in caplog.text, "its practice is missing"
    caplog.clear()
    examine(zoo(stand_in("one", "B")), asked, store)
    assert "one: has a card" in caplog.text
    test_hash = planned_test(asked.exam).hash
    assert "practice" in load_test_questions(store, test_hash)["part"].to_pylist()


def test_another_key_and_more_at_once_are_the_same_engine(store: Store) -> None:
    far = {"kind": "remote", "url": "http://127.0.0.1:9/v1", "model": "nobody"}
    slow, hasty = (
        Candidate.model_validate({"id": "far", "engine": {**far, **more}})
        for more in ({}, {"concurrency": 9, "key_variable": "NO_SUCH_KEY"})
    )
    asked = settings(store)
    test = planned_test(asked.exam)
    outcomes = outcomes_of(test.asked(), {})
    card = capability_card(slow, test, outcomes)
    earlier = card.model_copy(update={"engine": slow.engine.model_dump(mode="json")})
    for each in (card, earlier):
        write_result(store, each, outcomes)
        assert examine(zoo(hasty), asked, store) == [each], "nobody was asked"


def test_a_candidate_that_fails_gets_no_card_and_stops_no_other(
    ray_cluster: None, store: Store
) -> None:
    engine = {"kind": "remote", "url": "http://127.0.0.1:9/v1", "model": "nobody"}
    away = Candidate.model_validate({"id": "away", "engine": engine})
    asked = settings(store, tasks=1, shots=2, practice=0)
    with pytest.raises(EngineError, match=r"'away': 2 of 2 questions failed.*APIConnection"):
        examine(zoo(away, stand_in("here", "A")), asked, store)
    test_hash = planned_test(asked.exam).hash
    assert load_cards(store, test_hash, ["here"])
    with pytest.raises(StoreError, match=r"no card of away; there are: here; run: model-sat"):
        load_cards(store, test_hash, ["away", "here"])


def outcomes_of(questions: pa.Table, errors: dict[int, str]) -> pa.Table:
    rows = [
        {
            "model_id": "x",
            "question_id": question_id,
            "score": 0.0 if number in errors else 1.0,
            "error": errors.get(number),
        }
        for number, question_id in enumerate(questions["question_id"].to_pylist())
    ]
    return from_rows(rows, OUTCOMES)


def test_failed_rows_do_not_count_as_wrong(store: Store) -> None:
    test = planned_test(settings(store).exam)
    outcomes = outcomes_of(test.questions, {0: "too long"})
    card = capability_card(stand_in("x", "A"), test, outcomes)
    assert card.mean_accuracy() == 1.0
    assert sum(result.count for result in card.tasks) == 19
    with pytest.raises(EngineError, match=r"no question of '.+' was answered"):
        capability_card(
            stand_in("x", "A"), test, outcomes_of(test.questions, dict.fromkeys(range(4), "no"))
        )


def test_missing_tests_say_what_to_run(store: Store) -> None:
    with pytest.raises(StoreError, match="no such test; there are: none; run: model-sat examine"):
        load_test_questions(store, "0" * 16)
    with pytest.raises(StoreError, match="run: model-sat examine-candidates"):
        load_outcomes(store, "0" * 16, ["x"])


@pytest.mark.slow
@pytest.mark.vllm
def test_an_engine_that_cannot_start_is_named_with_the_reason(
    ray_cluster: None, store: Store, tiny_sources: Callable[[], SelectorSettings]
) -> None:
    engine = {
        "kind": "vllm",
        "source": tiny_sources().decoder,
        "chat_template": "{{ messages[0].content }}",
        "args": {"max_num_seqs": -3},
    }
    candidate = Candidate.model_validate({"id": "broken", "engine": engine})
    asked = settings(store, tasks=1, shots=1, practice=0)
    with pytest.raises(
        EngineError, match=r"^candidate 'broken': \S*ValidationError: .*max_num_seqs"
    ):
        examine(zoo(candidate), asked, store)
