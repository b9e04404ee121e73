"""What an exam leaves in the store, under ``exams/TEST/``, and the readers of other roles.

    questions.parquet      the test's questions (QUESTIONS)
    practice.parquet       those asked for tuning only; the largest set asked so far
    outcomes/ID.parquet    OUTCOMES of a candidate, failed rows (``error``) included
    cards/ID.json          its capability card; written last, so that it says: examined

Nothing here runs a candidate or imports Ray.
"""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from actors.examiner.aptitude import AptitudeTest
from actors.examiner.card import CapabilityCard
from cluster.errors import StoreError
from cluster.store import Store
from cluster.tables import check_outcomes, check_questions

TEST, PRACTICE = "test", "practice"
_REMEDY = "run: model-sat examine-candidates"


def write_test(store: Store, test: AptitudeTest) -> None:
    """Writes the questions; practice that was asked before, and is more, stays."""
    store.write_table(f"exams/{test.hash}/questions.parquet", test.questions)
    place = f"exams/{test.hash}/practice.parquet"
    before = store.read_table(place).num_rows if store.exists(place) else 0
    if test.practice.num_rows > before:
        store.write_table(place, test.practice)


def write_result(store: Store, card: CapabilityCard, outcomes: pa.Table) -> None:
    """Writes a candidate's outcomes, then its card."""
    store.write_table(f"exams/{card.test}/outcomes/{card.model_id}.parquet", outcomes)
    write_card(store, card)


def write_card(store: Store, card: CapabilityCard) -> None:
    """Writes a candidate's card."""
    path = f"exams/{card.test}/cards/{card.model_id}.json"
    store.write_json(path, card.model_dump(mode="json"))


def has_card(store: Store, test_hash: str, model_id: str) -> bool:
    """Whether the candidate was examined in that test."""
    return store.exists(f"exams/{test_hash}/cards/{model_id}.json")


def card_written(store: Store, test_hash: str, model_id: str) -> datetime | None:
    """When the candidate's card of that test was written; None if it has none."""
    return store.written_at(f"exams/{test_hash}/cards/{model_id}.json")


def load_cards(store: Store, test_hash: str, ids: Sequence[str]) -> list[CapabilityCard]:
    """The cards of the candidates ``ids``, in their order.

    Raises:
        StoreError: a candidate has no card for that test, or a card is not one of ours.
    """
    missing = [id for id in ids if not has_card(store, test_hash, id)]
    if missing:
        raise StoreError(
            f"{store.url_of(f'exams/{test_hash}/cards')}: no card of {', '.join(missing)}; "
            f"there are: {', '.join(_there(store, test_hash)) or 'none'}; {_REMEDY}"
        )
    return [_card(store, f"exams/{test_hash}/cards/{id}.json") for id in ids]


def load_outcomes(store: Store, test_hash: str, ids: Sequence[str]) -> pa.Table:
    """OUTCOMES of the candidates ``ids`` in test and practice, without the rows that failed.

    Raises:
        StoreError: a candidate has no outcomes for that test.
    """
    parts = []
    for id in ids:
        path = f"exams/{test_hash}/outcomes/{id}.parquet"
        if not store.exists(path):
            raise StoreError(f"{store.url_of(path)}: no such file; {_REMEDY}")
        parts.append(check_outcomes(store.read_table(path), store.url_of(path)))
    outcomes = pa.concat_tables(parts)
    return outcomes.filter(pc.is_null(outcomes["error"]))


def load_test_questions(store: Store, test_hash: str) -> pa.Table:
    """QUESTIONS of test and practice, with a column ``part``: ``test`` or ``practice``.

    Raises:
        StoreError: the store has no such test.
    """
    base = f"exams/{test_hash}"
    if not store.exists(f"{base}/questions.parquet"):
        there = ", ".join(store.names("exams")) or "none"
        raise StoreError(f"{store.url_of(base)}: no such test; there are: {there}; {_REMEDY}")
    parts = [_part(store, f"{base}/questions.parquet", TEST)]
    if store.exists(f"{base}/practice.parquet"):
        parts.append(_part(store, f"{base}/practice.parquet", PRACTICE))
    return pa.concat_tables(parts)


def _part(store: Store, path: str, part: str) -> pa.Table:
    questions = check_questions(store.read_table(path), store.url_of(path))
    return questions.append_column("part", pa.array([part] * questions.num_rows, pa.string()))


def _card(store: Store, path: str) -> CapabilityCard:
    try:
        return CapabilityCard.model_validate(store.read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{store.url_of(path)}: is no card: key '{key}': {first['msg']}"
        ) from error


def _there(store: Store, test_hash: str) -> list[str]:
    return [name.removesuffix(".json") for name in store.names(f"exams/{test_hash}/cards")]
