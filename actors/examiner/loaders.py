"""Our tables as data sets of other libraries: Hugging Face ``datasets``, and Ray Data.

    from actors.examiner.loaders import hugging_face, ray_data

    outcomes = hugging_face("outcomes", "store/collected/collected/outcomes.parquet")
    questions = ray_data("questions", "bank")

A table is read and checked as our own jobs do it, so an error names file, column and row. Both
packages are imported when they are asked for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pyarrow as pa

from actors.examiner.questions import load_questions
from cluster.errors import UserError
from cluster.tables import check_instructions, check_outcomes, read_table

if TYPE_CHECKING:
    from ray.data import Dataset

Kind: TypeAlias = Literal["instructions", "questions", "outcomes"]

_READ: dict[Kind, Callable[[str], pa.Table]] = {
    "instructions": lambda source: check_instructions(read_table(source), source),
    "questions": load_questions,
    "outcomes": lambda source: check_outcomes(read_table(source), source),
}


def table(kind: Kind, source: str) -> pa.Table:
    """INSTRUCTIONS, QUESTIONS or OUTCOMES (``cluster.tables``) of a source.

    Args:
        kind: which of them.
        source: a Parquet or JSONL file, by path or URL; of questions all that ``load_questions``
            takes.

    Raises:
        UserError: there is no such kind or source, or its rows break a rule of the table.
    """
    if kind not in _READ:
        raise UserError(f"no tables are called '{kind}'; there are: {', '.join(_READ)}")
    return _READ[kind](source)


def hugging_face(kind: Kind, source: str) -> Any:
    """A ``datasets.Dataset`` of ``table``; raises as that does.

    Raises:
        UserError: package ``datasets`` is not installed.
    """
    found = table(kind, source)
    try:
        from datasets import Dataset
        from datasets.table import InMemoryTable
    except ImportError as error:
        raise UserError(
            "package 'datasets' is not installed; install it by: pip install 'datasets>=4.0' "
            "(extra 'hub')"
        ) from error
    return Dataset(InMemoryTable(found))


def ray_data(kind: Kind, source: str) -> "Dataset":
    """A ``ray.data.Dataset`` of ``table``; raises as that does."""
    import ray.data

    return ray.data.from_arrow(table(kind, source))
