"""Groups of rows that a loss compares: which there are, and which an epoch draws.

Two kinds. A candidate's group is homogeneous (paper: eq. 5): one instruction that the candidate
did well and k-1 that it did poorly, all with its card. An instruction's group is the other way
round: one instruction with the cards of candidates that did it well or poorly.

Who is drawn how often: a candidate's group stands for one right outcome, so stronger candidates
weigh more as it is; ``rank_weight`` adds to that (paper: Data Refinement, which says that
higher-ranked candidates are sampled with increased weight and gives no numbers).
"""

import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from actors.examiner.card import CapabilityCard
from actors.tuner.samples import Record
from cluster.errors import TableError
from cluster.settings import TuningSettings


class Row(NamedTuple):
    """A candidate's card, an instruction, and the candidate's score in it: 1 right, 0 wrong."""

    card: CapabilityCard
    instruction: str
    score: float


Group = tuple[Row, ...]


class Groups(Protocol):
    """All groups of a kind."""

    def __len__(self) -> int:
        """How many an epoch has by nature."""
        ...

    def draw(self, count: int, random_: random.Random) -> list[Group]:
        """``count`` of them in random order; each once before any comes again."""
        ...


class CandidateGroups:
    """A right outcome of a candidate with k-1 wrong ones of the same candidate."""

    def __init__(self, records: Sequence[Record], size: int, rank_weight: float = 0.0) -> None:
        """``records`` have right and wrong outcomes each; negatives repeat where there are few."""
        self._size = size
        self._positives = [(record, text) for record in records for text in record.right]
        counts = [len(record.right) for record in records]
        self._weights = np.repeat(rank_weights(records, rank_weight), counts)

    def __len__(self) -> int:
        return len(self._positives)

    def draw(self, count: int, random_: random.Random) -> list[Group]:
        """Positives by their candidate's weight, each with negatives at random."""
        places = drawn_by_weight(self._weights, count, random_)
        return [self._group(*self._positives[place], random_) for place in places]

    def _group(self, record: Record, positive: str, random_: random.Random) -> Group:
        enough = len(record.wrong) >= self._size - 1
        draw = random_.sample if enough else random_.choices
        rows = [Row(record.card, text, 0.0) for text in draw(record.wrong, k=self._size - 1)]
        rows.insert(random_.randrange(self._size), Row(record.card, positive, 1.0))
        return tuple(rows)


class InstructionGroups:
    """One instruction with the cards of the candidates that tried it."""

    def __init__(self, records: Sequence[Record], size: int | None, contested: bool) -> None:
        """At most ``size`` candidates, None for all.

        ``contested`` leaves out instructions that all or none did well, and sees to it that a
        group of fewer than all candidates has both kinds.
        """
        by_text: dict[str, list[Row]] = {}
        for card, right, wrong in records:
            for score, texts in ((1.0, right), (0.0, wrong)):
                for text in texts:
                    by_text.setdefault(text, []).append(Row(card, text, score))
        self._groups = [
            rows
            for rows in by_text.values()
            if not contested or len({row.score for row in rows}) == 2
        ]
        self._size = size
        self._contested = contested

    def __len__(self) -> int:
        return len(self._groups)

    def draw(self, count: int, random_: random.Random) -> list[Group]:
        """Every instruction as often as any other."""
        places = drawn_by_weight(np.ones(len(self)), count, random_)
        return [self._group(self._groups[place], random_) for place in places]

    def _group(self, rows: list[Row], random_: random.Random) -> Group:
        mixed = random_.sample(rows, len(rows))
        if self._contested:  # the first of each kind lead
            leads = [[row.score for row in mixed].index(score) for score in (0.0, 1.0)]
            rest = [row for place, row in enumerate(mixed) if place not in leads]
            mixed = [mixed[place] for place in leads] + rest
        return tuple(mixed[: self._size])


def groups_of(records: Sequence[Record], settings: TuningSettings) -> list[Groups]:
    """The kinds of groups that the loss of the settings compares.

    Raises:
        TableError: candidates are compared, and no instruction tells any two of them apart.
    """
    if settings.loss in ("likelihood", "anchored"):
        return [InstructionGroups(records, settings.candidates_per_group, contested=False)]
    by_candidate = CandidateGroups(records, settings.group_size, settings.rank_weight)
    if settings.loss == "paper":
        return [by_candidate]
    by_instruction = InstructionGroups(records, settings.candidates_per_group, contested=True)
    if not len(by_instruction):
        raise TableError(
            "outcomes: no instruction to train on was done well by one candidate and poorly by "
            f"another; key 'tuning.loss' with '{settings.loss}' compares candidates"
        )
    return [by_instruction] if settings.loss == "ranking" else [by_candidate, by_instruction]


def draw_groups(kinds: Sequence[Groups], count: int, seed: str) -> list[Group]:
    """An epoch of ``count`` groups, the kinds in equal parts; the same seed draws the same."""
    random_ = random.Random(seed)
    shares = [len(part) for part in np.array_split(range(count), len(kinds))]
    drawn = [
        group
        for kind, share in zip(kinds, shares, strict=True)
        for group in kind.draw(share, random_)
    ]
    return random_.sample(drawn, len(drawn))


def rank_weights(records: Sequence[Record], weight: float) -> NDArray[np.float64]:
    """From 1 for the worst candidate up to 1 + ``weight`` for the best, even steps by rank.

    Candidates are ranked by their share of right outcomes; equal ones share their mean rank.
    """
    shares = [len(record.right) / (len(record.right) + len(record.wrong)) for record in records]
    steps = (rankdata(shares) - 1) / max(len(records) - 1, 1)
    weights: NDArray[np.float64] = 1 + weight * steps
    return weights


def drawn_by_weight(weights: NDArray[np.float64], count: int, random_: random.Random) -> list[int]:
    """``count`` places in random order: each as often as its weight says, rounded up or down.

    Systematic sampling: even marks, begun at random, on the weights laid end to end.
    """
    order = random_.sample(range(len(weights)), len(weights))
    ends = np.cumsum(weights[order])
    marks = (random_.random() + np.arange(count)) * (ends[-1] / count)
    found = np.searchsorted(ends, marks, side="right").clip(max=len(weights) - 1)
    places = [order[place] for place in found]
    return random_.sample(places, count)
