"""What an import took, and what it left out: how many rows, why, and where the first one is."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class LeftOut:
    """Rows left out for one reason."""

    rows: int
    first: str  # file and row


@dataclass
class Tally:
    """What an import did so far."""

    documents: int = 0
    outcomes: int = 0
    questions: int = 0
    models: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)  # by reason

    def leave(self, reason: str, rows: int, place: Callable[[], str]) -> None:
        """Counts rows that are left out; ``place`` names the first of them."""
        if not rows:
            return
        if reason in self.left_out:
            self.left_out[reason].rows += rows
        else:
            self.left_out[reason] = LeftOut(rows, place())
