"""Outcomes as they are made of answers: marks, verdicts, circle tests, costs; and where they go.

    collected/NAME/questions.parquet   QUESTIONS that were asked
    collected/NAME/outcomes.parquet    COLLECTED: OUTCOMES and what else is known of each
    collected/NAME/collected.json      what was counted

That is a folder of outcomes as ``actors.examiner.outcomes`` reads it, replaced as a whole: nothing
in it is kept from one collection to the next, all is made anew of the answers. A row that failed
has its reason in ``error`` and counts for nobody. Nothing here asks a candidate or imports Ray.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from actors.examiner.answers import Messages, Respondent, Row
from actors.examiner.circle import rotations, stood
from actors.examiner.judging import judge_conversation, no_verdict, verdict
from actors.examiner.marking import has_answer, is_number, mark
from actors.examiner.questions import conversation, load_questions
from cluster.errors import TableError
from cluster.settings import CollectSettings, CollectSource, Marking
from cluster.store import Store
from cluster.tables import OUTCOMES, QUESTIONS, check_questions, from_rows

FOLDER = "collected"

COLLECTED = pa.schema(
    [
        *OUTCOMES,
        pa.field("answered", pa.bool_()),  # whether an answer could be read from the output
        pa.field("cost", pa.float64()),  # US dollars; null where price or tokens are not known
        pa.field("seconds", pa.float64()),  # until the answer was whole, as the batch engine saw it
    ]
)


class Asked(NamedTuple):
    """A row of QUESTIONS, and how a free answer to it is marked."""

    question: Row
    marking: Marking

    @property
    def by_judge(self) -> bool:
        """Whether a judge marks it; options never need one."""
        return self.marking == "judge" and not self.question["options"]

    def messages(self) -> Messages:
        """What candidates are asked. For a judge they shall answer at length if they like."""
        if self.by_judge:
            return [{"role": "user", "content": self.question["prompt"]}]
        return conversation(self.question)


def planned_questions(settings: CollectSettings) -> list[Asked]:
    """What the sources of the settings hold.

    Raises:
        UserError: as ``load_questions``.
        TableError: two sources share a question id, or an answer to be marked as a number is none.
    """
    asked = [each for source in settings.sources for each in _of_source(source)]
    names = ", ".join(source.questions for source in settings.sources)
    check_questions(_questions(asked), f"key 'collect.sources' ({names})")
    return asked


def judge_asks(asked: Asked, respondent: Respondent) -> Messages | None:
    """What a judge is asked about a candidate's answer; None where there is nothing to judge."""
    answer = respondent.answer(asked.messages())
    if not asked.by_judge or answer is None or answer["error"] is not None:
        return None
    return judge_conversation(asked.question, answer["output"])


def outcomes_of(
    respondent: Respondent, questions: Sequence[Asked], judge: Respondent | None
) -> Iterator[dict[str, Any]]:
    """Rows of COLLECTED, without circle tests, of the questions that the candidate was asked."""
    for asked in questions:
        answer = respondent.answer(asked.messages())
        if answer is not None:
            score, error = _marked(asked, answer, judge)
            output = answer["output"]
            yield {
                **answer,
                "model_id": respondent.candidate.id,
                "question_id": asked.question["question_id"],
                "score": score,
                "error": error,
                "answered": None
                if output is None
                else has_answer(output, asked.question, asked.marking),
                "cost": respondent.candidate.cost(
                    answer["prompt_tokens"], answer["completion_tokens"]
                ),
            }


def circle(asked: Asked, respondent: Respondent) -> bool | None:
    """Whether a right answer stood the circle test; None where it is not known, or not asked."""
    return stood(_rotated_mark(asked, turned, respondent) for turned in rotations(asked.question))


def publish(
    store: Store, name: str, questions: Sequence[Asked], outcomes: Sequence[Row], counts: Row
) -> str:
    """Writes the folder as a whole; returns where it is."""
    place = f"{FOLDER}/{name}"
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(_questions(questions), Path(folder) / "questions.parquet")
        pq.write_table(from_rows(outcomes, COLLECTED), Path(folder) / "outcomes.parquet")
        (Path(folder) / "collected.json").write_text(json.dumps(counts, indent=1))
        store.put_folder(place, Path(folder))
    return store.url_of(place)


def _of_source(source: CollectSource) -> Iterator[Asked]:
    seen: dict[str, int] = {}
    for row in load_questions(source.questions, per_task=source.per_category or 1).to_pylist():
        seen[row["category"]] = seen.get(row["category"], 0) + 1
        if source.per_category is not None and seen[row["category"]] > source.per_category:
            continue
        if source.marking == "numeric" and not row["options"] and not is_number(row["answer"]):
            raise TableError(
                f"{source.questions}: question '{row['question_id']}': 'answer' must be a number "
                f"to be marked as one; found '{row['answer']}'"
            )
        yield Asked(row, source.marking)


def _questions(asked: Sequence[Asked]) -> pa.Table:
    return from_rows((each.question for each in asked), QUESTIONS)


def _marked(asked: Asked, answer: Row, judge: Respondent | None) -> tuple[float, str | None]:
    """A score, and why there is none."""
    if answer["error"] is not None:
        return 0.0, answer["error"]
    if not asked.by_judge:
        return mark(answer["output"], asked.question, asked.marking), None
    assert judge, "settings with marking 'judge' have a judge"
    reply = judge.answer(judge_conversation(asked.question, answer["output"]))
    if reply is None:
        return 0.0, "judge: was not asked"
    if reply["error"] is not None:
        return 0.0, f"judge: {reply['error']}"
    right = verdict(reply["output"])
    return (0.0, no_verdict(reply["output"])) if right is None else (float(right), None)


def _rotated_mark(asked: Asked, turned: Mapping[str, Any], respondent: Respondent) -> bool | None:
    answer = respondent.answer(asked._replace(question=turned).messages())
    if answer is None or answer["error"] is not None:
        return None
    return mark(answer["output"], turned) == 1.0
