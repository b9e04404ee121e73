"""Cases: what a setting of the plan asks for, one zoo and one group of tuned candidates at a time.

A setting with random zoos, or one that leaves each candidate out in turn, has several cases; the
figures of a setting are means over its cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actors.assessor.plan import Plan, RandomZoos, Setting
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError


@dataclass(frozen=True)
class Case:
    """Candidates to choose among, and candidates that methods are tuned on."""

    name: str
    tune: str  # source
    test: str  # source
    zoo: tuple[str, ...]
    tuned: tuple[str, ...]

    @property
    def seen(self) -> tuple[str, ...]:
        """The zoo's candidates that methods were tuned on, in this source."""
        same = self.tune == self.test
        return tuple(name for name in self.zoo if same and name in self.tuned)


def cases(plan: Plan, setting: Setting, train: Mapping[str, OutcomeMatrix]) -> list[Case]:
    """The cases of a setting.

    Args:
        plan: has the zoos.
        setting: one of the plan's.
        train: the train part of every source; random zoos are drawn by its scores.

    Raises:
        TableError: a candidate has no outcomes, one to leave out is in neither source, nobody is
            left to tune on, or too few candidates stay below the score that random zoos ask for.
    """
    test = train[setting.test_source]
    besides = plan.zoos[setting.leave_out] if setting.leave_out else []
    _check_known(setting, besides, [*train[setting.tune].candidates, *test.candidates])
    if setting.random:
        zoos = random_zoos(test, setting.random, setting.name)
        named = {f"{setting.name} {number}": zoo for number, zoo in enumerate(zoos, 1)}
    else:
        named = {str(setting.zoo): plan.zoos[str(setting.zoo)]}
    return [
        _case(setting, train[setting.tune], name, zoo, joining, besides)
        for name, zoo in named.items()
        for joining in _joining(setting, test.of(zoo).candidates)
    ]


def random_zoos(train: OutcomeMatrix, zoos: RandomZoos, name: str) -> list[list[str]]:
    """Zoos of candidates whose mean score stays below a bound, drawn with the zoos' own seed.

    Raises:
        TableError: fewer candidates stay below it than a zoo has.
    """
    means_M = np.nanmean(train.scores_NM, axis=0)
    weak = [name for name, mean in zip(train.candidates, means_M, strict=True) if mean < zoos.below]
    if len(weak) < zoos.size:
        raise TableError(
            f"'{name}': random zoos of {zoos.size} need as many candidates with a mean score "
            f"below {zoos.below:g}; there are {len(weak)}"
        )
    rng = np.random.default_rng(zoos.seed)
    return [sorted(rng.choice(weak, zoos.size, replace=False)) for _ in range(zoos.count)]


def _check_known(setting: Setting, names: Sequence[str], there: Sequence[str]) -> None:
    """A misspelt candidate would not be left out, and nobody would see it."""
    for name in names:
        if name not in there:
            raise TableError(
                f"'{setting.name}': zoo '{setting.leave_out}', which is left out, names no known "
                f"candidate '{name}'; there are: {', '.join(sorted(set(there)))}"
            )


def _joining(setting: Setting, zoo: Sequence[str]) -> list[tuple[str, ...]]:
    """The candidates of the zoo that join by their card, in each case."""
    if setting.leave_one_out:
        return [(name,) for name in zoo]
    return [tuple(zoo) if setting.unseen else ()]


def _case(
    setting: Setting,
    train: OutcomeMatrix,
    name: str,
    zoo: Sequence[str],
    joining: Sequence[str],
    besides: Sequence[str],
) -> Case:
    out = {*joining, *besides}
    among = train.candidates if setting.tuned_on == "all" else zoo
    tuned = tuple(candidate for candidate in among if candidate not in out)
    if not tuned:
        raise TableError(
            f"'{setting.name}': no candidate of '{setting.tune}' is left to tune on, "
            f"once {len(out)} are left out"
        )
    if setting.leave_one_out:
        name = f"{name}, {joining[0]} joins"
    return Case(name, setting.tune, setting.test_source, tuple(zoo), tuned)
