"""Questions: where those of an exam come from, and how one is put to a candidate.

Owns the readers (bank, preset, file, hub) and the text of a question. Which questions are asked
is the aptitude test's business, which answers are right that of ``marking.py``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cluster.errors import UserError
from cluster.tables import QUESTIONS, check_questions, from_rows, letters, read_table

BANK = "bank"
_BANK_POOL = 60  # questions of a task that a test samples from; the bank makes them on demand
_FILES = (".parquet", ".jsonl")

# What a candidate is asked besides the question itself. Part of an aptitude test's hash.
ASK_LETTER = "Answer with the letter of the right option only."
ASK_ANSWER = "Give the answer only."


def question_text(prompt: str, options: Sequence[str] | None) -> str:
    """The prompt, followed by one line for each option: ``A. ...``, ``B. ...``."""
    if not options:
        return prompt
    named = zip(letters(len(options)), options, strict=True)
    return "\n".join([prompt, *(f"{letter}. {option}" for letter, option in named)])


def conversation(question: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages that put a row of QUESTIONS to a candidate."""
    ask = ASK_LETTER if question["options"] else ASK_ANSWER
    content = f"{question_text(question['prompt'], question['options'])}\n{ask}"
    return [{"role": "user", "content": content}]


@dataclass(frozen=True)
class Preset:
    """A published data set, and how its rows become rows of QUESTIONS."""

    hub_id: str
    config: str
    split: str
    row: Callable[[int, Mapping[str, Any]], dict[str, Any]]


def _mmlu(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "question_id": f"mmlu/{number}",
        "dataset": "mmlu",
        "category": row["subject"].replace("_", " "),
        "prompt": row["question"],
        "options": row["choices"],
        "answer": letters(len(row["choices"]))[row["answer"]],
    }


PRESETS = {"mmlu": Preset("cais/mmlu", "all", "test", _mmlu)}


def load_questions(source: str, per_task: int = _BANK_POOL) -> pa.Table:
    """The questions of a source, as QUESTIONS.

    Args:
        source: ``bank``; a preset, or ``PRESET:FILE`` for its rows in a Parquet or JSONL file; a
            Parquet or JSONL file with the columns of QUESTIONS, by path or URL; or a hub id.
        per_task: questions of a task that a test needs; the bank makes no fewer than these or 60.

    Raises:
        UserError: there is no such source, or the package that reads hubs is not installed.
        TableError: the file is missing or its rows break a rule.
    """
    if source == BANK:
        from actors.examiner.bank import bank_questions

        return bank_questions(max(per_task, _BANK_POOL))
    name, colon, file = source.partition(":")
    if name in PRESETS:
        preset = PRESETS[name]
        table = read_table(file) if colon else _hub(preset.hub_id, preset.config, preset.split)
        return check_questions(_mapped(table, preset, source), source)
    if source.endswith(_FILES):
        return check_questions(read_table(source), source)
    if "/" in source:
        return check_questions(_hub(source, None, "test"), source)
    raise UserError(
        f"no questions '{source}'; there are: {BANK}, {', '.join(PRESETS)}; "
        f"or give a file ending in {' or '.join(_FILES)}, or a hub id such as owner/name"
    )


def _mapped(table: pa.Table, preset: Preset, name: str) -> pa.Table:
    try:
        rows = [preset.row(number, row) for number, row in enumerate(table.to_pylist())]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(
            f"{name}: the rows are not those of {preset.hub_id}: "
            f"{type(error).__name__} {error}; columns found: {', '.join(table.column_names)}"
        ) from error
    return from_rows(rows, QUESTIONS)


def _hub(hub_id: str, config: str | None, split: str) -> pa.Table:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise UserError(
            f"questions '{hub_id}' lie on a hub, and package 'datasets' is not installed; "
            "install it by: pip install 'datasets>=4.0' (extra 'hub')"
        ) from error
    try:
        return load_dataset(hub_id, config, split=split).data.table.combine_chunks()
    except (OSError, ValueError) as error:  # the hub's own errors are kinds of these two
        raise UserError(f"questions '{hub_id}', split '{split}': {error}") from error
