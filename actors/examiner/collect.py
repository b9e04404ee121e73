"""Collects outcomes: every candidate of a zoo answers data sets, on Ray Data, and is marked.

Owns who is asked what, in which order, and what failures mean:

1. Each candidate is asked what it has not answered yet; answers are written as they come.
2. The judge, if there is one, is asked for a verdict on the answers that it marks.
3. Where few candidates were right those are asked again, with the options rotated (circle test).

A question that fails is asked again by the next call; a candidate whose engine fails stops no
other. Outcomes are then made of what is there, and the error is raised after them. Where answers
and outcomes lie is said in ``answers`` and ``collected``.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from actors.candidate.batch import batch_engine
from actors.candidate.engine import BatchEngine, Dataset, Sampling
from actors.candidate.side_by_side import engine_errors, side_by_side
from actors.examiner.answers import ANSWERS, Messages, Respondent, Row, is_answered
from actors.examiner.circle import hard_questions, rotations
from actors.examiner.collected import (
    Asked,
    circle,
    judge_asks,
    outcomes_of,
    planned_questions,
    publish,
)
from actors.examiner.judging import verdict
from cluster import progress
from cluster.errors import EngineError
from cluster.settings import CollectSettings, JudgeSettings, Settings
from cluster.store import Store
from cluster.tables import OUTCOMES, RIGHT, from_rows
from cluster.zoo import Candidate, RemoteEngine, Zoo

JUDGE = "judge"  # its folder of answers

log = logging.getLogger(__name__)


class Collection(NamedTuple):
    """What was collected.

    Attributes:
        place: the folder of outcomes.
        counts: of each candidate, by id: questions, right, failed, right ones that stood the
            circle test and that did not, US dollars (None where some cost is not known).
    """

    place: str
    counts: dict[str, dict[str, Any]]


class _Work(NamedTuple):
    respondent: Respondent
    conversations: Mapping[str, Messages]  # by digest
    engine: BatchEngine


def collect(zoo: Zoo, settings: Settings, store: Store) -> Collection:
    """Asks what is not known yet, and writes the outcomes of all candidates.

    Raises:
        UserError: questions, a model folder or an API key cannot be had; nothing was run then.
        EngineError: a candidate or the judge failed; what the others answered was written before.
    """
    asking = settings.collect
    questions = planned_questions(asking)
    respondents = [Respondent(each, asking.max_tokens, store) for each in zoo.candidates]
    judge = _judge(asking.judge, store) if asking.judge else None
    if judge:
        batch_engine(judge.candidate, store, asking.batch_size)  # a missing key is told first
    failures = _ask(
        [(each, [asked.messages() for asked in questions]) for each in respondents], asking, store
    )
    if judge:
        verdicts = (judge_asks(asked, each) for each in respondents for asked in questions)
        failures += _ask([(judge, [found for found in verdicts if found])], asking, store)
    rows = [row for each in respondents for row in outcomes_of(each, questions, judge)]
    failures += _circle_tests(rows, questions, respondents, asking, store)
    if not rows:
        raise EngineError("; ".join(map(str, failures)))
    counts = {id: _counts(row for row in rows if row["model_id"] == id) for id in zoo.ids()}
    collection = Collection(publish(store, asking.name, questions, rows, counts), counts)
    if failures:
        raise EngineError("; ".join(map(str, failures))) from failures[0]
    return collection


def _judge(settings: JudgeSettings, store: Store) -> Respondent:
    place = settings.model_dump(exclude={"max_tokens"})
    engine = RemoteEngine.model_validate({"kind": "remote", **place})
    return Respondent(
        Candidate(id=JUDGE, engine=engine),
        settings.max_tokens,
        store,
        is_good=lambda row: is_answered(row) and verdict(row["output"]) is not None,
    )


def _circle_tests(
    rows: Sequence[dict[str, Any]],
    questions: Sequence[Asked],
    respondents: Sequence[Respondent],
    settings: CollectSettings,
    store: Store,
) -> list[EngineError]:
    """Asks the candidates that were right in hard questions again; ``rows`` take the result."""
    few = hard_questions(from_rows(rows, OUTCOMES), settings.circle_share)
    hard = set(few.to_pylist())
    by_id = {asked.question["question_id"]: asked for asked in questions}
    by_candidate = {each.candidate.id: each for each in respondents}
    tested = [
        (row, by_id[row["question_id"]], by_candidate[row["model_id"]])
        for row in rows
        if row["question_id"] in hard
        and row["score"] >= RIGHT
        and len(by_id[row["question_id"]].question["options"] or ()) > 1
    ]
    conversations: dict[str, list[Messages]] = {id: [] for id in by_candidate}
    for row, asked, _ in tested:
        conversations[row["model_id"]] += [
            asked._replace(question=turned).messages() for turned in rotations(asked.question)
        ]
    failures = _ask(
        [(by_candidate[id], found) for id, found in conversations.items()], settings, store
    )
    for row, asked, respondent in tested:
        row["circle"] = circle(asked, respondent)
    return failures


def _ask(
    wanted: Iterable[tuple[Respondent, Sequence[Messages]]], settings: CollectSettings, store: Store
) -> list[EngineError]:
    """Has each respondent answer what it has not yet; returns what failed."""
    todo = [(each, each.unasked(conversations)) for each, conversations in wanted]
    work = {
        each.candidate.id: _Work(
            each, unasked, batch_engine(each.candidate, store, settings.batch_size)
        )
        for each, unasked in todo
        if unasked
    }
    engines = {id: each.engine for id, each in work.items()}
    try:
        side_by_side(engines, lambda id: _answer(work[id], settings))
    except EngineError as error:
        return [error]
    return []


def _answer(work: _Work, settings: CollectSettings) -> None:
    import ray

    respondent, conversations, engine = work
    name = respondent.candidate.id
    chats = pa.table({"asked": list(conversations), "messages": list(conversations.values())})
    # One block a batch: replicas share the blocks.
    size = settings.batch_size
    blocks = [chats.slice(start, size) for start in range(0, chats.num_rows, size)]
    with engine_errors(name), progress.line(name, chats.num_rows) as line:
        answered = engine.answer(ray.data.from_arrow(blocks), Sampling(respondent.max_tokens))
        for part in _parts(answered, settings.part_size, line):
            respondent.keep(part)
    log.info("%s: asked %d", name, chats.num_rows)


def _parts(answered: Dataset, rows: int, line: progress.Line) -> Iterator[pa.Table]:
    """ANSWERS as they come, at least ``rows`` at a time; the last ones are what is left."""
    held = ANSWERS.empty_table()
    for batch in answered.iter_batches(batch_size=None, batch_format="pyarrow"):
        held = pa.concat_tables([held, batch.select(ANSWERS.names).cast(ANSWERS)])
        line.advance(batch.num_rows)
        if held.num_rows >= rows:
            yield held
            held = ANSWERS.empty_table()
    if held.num_rows:
        yield held


def _counts(rows: Iterable[Row]) -> dict[str, Any]:
    found: Counter[str] = Counter(questions=0, right=0, failed=0, circle_right=0, circle_wrong=0)
    costs = []
    for row in rows:
        good = row["error"] is None
        found["questions"] += 1
        found["failed"] += not good
        found["right"] += good and row["score"] >= RIGHT
        found["circle_right"] += row.get("circle") is True
        found["circle_wrong"] += row.get("circle") is False
        costs.append(row["cost"])
    return {**found, "cost": None if None in costs else sum(costs)}
