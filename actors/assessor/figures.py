"""Figures of a setting: means over its runs, with bootstrap intervals and paired significance.

The same questions are drawn for all methods, zoos and seeds of a setting: one that several seeds
measure on is drawn in all of them or in none. Differences are taken within a draw, so they are
paired by question.

A figure is the mean over the data sets of a run ("mean"; each counts alike), then over runs.

Shapes: U questions of all runs, N of a run, B draws and, in row 0, the questions themselves.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actors.assessor.assessment import Run
from actors.assessor.bootstrap import (
    Difference,
    Drawn,
    Estimate,
    difference,
    divide,
    estimate,
    mean_defined,
    question_weights,
)
from actors.assessor.measures import Bin, Floats, choice, judge, reliability, weighted
from actors.assessor.plan import BEST_SINGLE, ORACLE, RANDOM, REFERENCES
from actors.examiner.outcomes import normal_words

MEAN = "mean"  # over data sets


@dataclass(frozen=True)
class RunFigures:
    """A method in one case with one seed: means over data sets."""

    case: str
    seed: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class MethodFigures:
    """A method in one setting."""

    method: str
    figures: Mapping[str, Mapping[str, Estimate]]  # of each data set, and their mean
    gain: Difference  # accuracy over best single
    versus: Difference | None  # accuracy over the method to compare with
    onboarding: Difference | None  # accuracy over choosing among the seen ones alone
    runs: Sequence[RunFigures]
    chosen: Mapping[str, float]  # share of the questions that each candidate got
    calibration: Sequence[Bin]


def setting_figures(
    runs: Sequence[Run], draws: int, compare: str | None = None
) -> list[MethodFigures]:
    """The figures of the references and of all methods that chose in every run."""
    methods = [*REFERENCES]
    methods += [name for name in runs[0].scores if all(name in run.scores for run in runs)]
    drawn: dict[str, list[dict[str, Drawn]]] = defaultdict(list)
    for run, weights_BN in _weights(runs, draws):
        for method, groups in _run_figures(run, methods, weights_BN).items():
            drawn[method].append(groups)
    pooled = {method: _over_runs(groups) for method, groups in drawn.items()}
    other = pooled[compare][MEAN]["accuracy"] if compare in pooled else None
    return [
        _method_figures(
            method, runs, drawn[method], pooled[method], other if method != compare else None
        )
        for method in methods
    ]


def scores_of(run: Run, method: str) -> Floats:
    """A method's scores; those of the references lead to the choice that defines them."""
    if method == RANDOM:
        return np.zeros_like(run.measured.scores_NM)
    if method == ORACLE:
        return run.measured.scores_NM
    if method == BEST_SINGLE:
        is_best_M = np.array([name == run.best for name in run.case.zoo], np.float32)
        return np.broadcast_to(is_best_M, run.measured.scores_NM.shape)
    return run.scores[method]


def _weights(runs: Sequence[Run], draws: int) -> Iterator[tuple[Run, Floats]]:
    """Each run with the weights of its questions, ``[1 + B, N]``."""
    words = [[normal_words(prompt) for prompt in run.measured.prompts] for run in runs]
    distinct = dict.fromkeys(text for texts in words for text in texts)
    places = {text: place for place, text in enumerate(distinct)}
    weights_BU = question_weights(len(places), draws)
    for run, texts in zip(runs, words, strict=True):
        yield run, weights_BU[:, [places[text] for text in texts]]


def _run_figures(
    run: Run, methods: Sequence[str], weights_BN: Floats
) -> dict[str, dict[str, Drawn]]:
    """The drawn figures of each method in each data set, and their mean over data sets."""
    of_dataset_N = np.array(run.measured.datasets)
    best = run.case.zoo.index(run.best)
    seen_M = np.array([name in run.case.seen for name in run.case.zoo])
    found: dict[str, dict[str, Drawn]] = {method: {} for method in methods}
    for dataset in sorted(set(run.measured.datasets)):
        rows = np.flatnonzero(of_dataset_N == dataset)
        counts_BN = weights_BN[:, rows].astype(np.float64)
        shares_BN = divide(counts_BN, counts_BN.sum(axis=1, keepdims=True))
        for method in methods:
            judged = judge(
                run.measured.scores_NM[rows],
                scores_of(run, method)[rows],
                best,
                seen_M,
                probabilities=method not in REFERENCES,
            )
            found[method][dataset] = weighted(judged, shares_BN)
    return {
        method: {**groups, MEAN: mean_defined(groups.values())} for method, groups in found.items()
    }


def _over_runs(groups: Sequence[Mapping[str, Drawn]]) -> dict[str, Drawn]:
    """The mean over runs, and what follows from means: gain and share of the gap."""
    names = dict.fromkeys(name for group in groups for name in group)
    return {
        name: _derived(mean_defined([group[name] for group in groups if name in group]))
        for name in names
    }


def _derived(drawn: Drawn) -> Drawn:
    gain = drawn["accuracy"] - drawn["best_single"]
    return drawn | {
        "gain": gain,
        "gap_share": divide(gain, drawn["oracle"] - drawn["best_single"]),
    }


def _method_figures(
    method: str,
    runs: Sequence[Run],
    drawn: Sequence[Mapping[str, Drawn]],
    pooled: Mapping[str, Drawn],
    other: Floats | None,
) -> MethodFigures:
    mean = pooled[MEAN]
    joined = not np.isnan(mean["onboarding"][0]) and method not in REFERENCES
    return MethodFigures(
        method=method,
        figures={
            group: {name: estimate(values) for name, values in figures.items()}
            for group, figures in pooled.items()
        },
        gain=difference(mean["gain"]),
        versus=None if other is None else difference(mean["accuracy"] - other),
        onboarding=difference(mean["onboarding"]) if joined else None,
        runs=[
            RunFigures(
                run.case.name,
                run.seed,
                {name: float(values[0]) for name, values in _derived(groups[MEAN]).items()},
            )
            for run, groups in zip(runs, drawn, strict=True)
        ],
        chosen=_chosen(runs, method),
        calibration=[] if method in REFERENCES else _calibration(runs, method),
    )


def _chosen(runs: Sequence[Run], method: str) -> dict[str, float]:
    shares: dict[str, float] = defaultdict(float)
    for run in runs:
        for name, share in zip(
            run.case.zoo, choice(scores_of(run, method)).mean(axis=0), strict=True
        ):
            shares[name] += float(share) / len(runs)
    return dict(shares)


def _calibration(runs: Sequence[Run], method: str) -> list[Bin]:
    scores_P = np.concatenate([run.scores[method].ravel() for run in runs])
    outcomes_P = np.concatenate([run.measured.scores_NM.ravel() for run in runs])
    able_P = np.isfinite(scores_P)
    return reliability(outcomes_P[able_P], scores_P[able_P])
