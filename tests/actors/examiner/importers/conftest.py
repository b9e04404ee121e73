"""An import into a folder of the test, for the tests of every format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from actors.examiner.importers.destination import import_outcomes
from actors.examiner.importers.registry import find_importer
from actors.examiner.importers.tally import Tally


@dataclass(frozen=True)
class Imported:
    """What an import left behind."""

    tally: Tally
    folder: Path

    def questions(self) -> dict[str, dict[str, Any]]:
        """Questions by id."""
        rows = pq.read_table(self.folder / "questions.parquet").to_pylist()
        return {row["question_id"]: row for row in rows}

    def outcomes(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Outcomes by model and question."""
        rows = pq.read_table(self.folder / "outcomes.parquet").to_pylist()
        return {(row["model_id"], row["question_id"]): row for row in rows}

    def scores(self) -> dict[tuple[str, str], float]:
        """Scores by model and question."""
        return {pair: row["score"] for pair, row in self.outcomes().items()}

    def left_out(self) -> dict[str, int]:
        """How many rows were left out for each reason."""
        return {reason: left.rows for reason, left in self.tally.left_out.items()}


Import = Callable[..., Imported]


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports sources in a format, told ``key=value``."""

    def run(name: str, *sources: Path, told: tuple[str, ...] = ()) -> Imported:
        importer = find_importer(name)
        folder = tmp_path / "imported"
        tally = import_outcomes(
            importer, [str(source) for source in sources], folder, importer.settings(told)
        )
        return Imported(tally, folder)

    return run
