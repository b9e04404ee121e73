"""What an assessment found, in words and tables; how a page lays them out is the page's business.

The figures come from ``figures``, ``replay`` and ``coverage``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from actors.assessor.assessment import Run
from actors.assessor.bootstrap import Difference, Estimate
from actors.assessor.coverage import Covered
from actors.assessor.figures import MEAN, MethodFigures
from actors.assessor.plan import REFERENCES, Plan
from actors.assessor.replay import Release, Replayed

JOINING = "over the seen ones alone"

READING = (
    "Accuracy is the share of questions that the chosen candidate gets right; candidates with "
    "equal scores share a question. Gain: over the best single candidate, which is right most "
    "often in the train part, or, where candidates were not tuned on, in the aptitude test. Gap: "
    "share of the way from best single to oracle. AUC: mean over candidates; pooled: over all "
    "pairs. ECE: 15 bins of equal mass. Figures are means over data sets, then over zoos and "
    "seeds. In brackets: 95% intervals, bootstrapped by question; p is two-sided and paired by "
    "question.",
    '"Over the seen ones alone": what it is worth that candidates join by their cards, against '
    "choosing among those that were tuned on. Methods that learn candidates one by one always do "
    "the latter.",
)


@dataclass(frozen=True)
class Measured:
    """All that an assessment found; keys are the names in the plan."""

    settings: Mapping[str, tuple[Sequence[Run], Sequence[MethodFigures]]]
    replays: Mapping[str, Replayed]
    coverages: Mapping[str, Sequence[Covered]]


@dataclass(frozen=True)
class Table:
    """Cells as they are read; the first of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def introduction(plan: Plan) -> str:
    """On which questions everything was measured."""
    split = plan.split
    return (
        f"Measured on the {plan.part} part. Questions are split by their words "
        f"{split.train:.0%} / {split.validation:.0%} / {split.test:.0%} into train, validation and "
        f"test; seeds {', '.join(map(str, plan.seeds))}; {plan.draws} bootstrap samples."
    )


def facts(runs: Sequence[Run], methods: Sequence[str]) -> list[str]:
    """What was tuned and measured on in a setting, a sentence each."""
    first = runs[0]
    zoos = dict.fromkeys(run.case.zoo for run in runs)
    unseen = dict.fromkeys(_unseen(run) for run in runs)
    left_out = sum(run.left_out for run in runs)
    found = [
        f"Tuned on {_span(run.tuned_questions for run in runs)} questions of '{first.case.tune}' "
        f"and {_span(len(run.case.tuned) for run in runs)} candidates; measured on "
        f"{_span(len(run.measured) for run in runs)} of '{first.case.test}'.",
        f"Aptitude test: {_span(run.exam_tasks for run in runs)} tasks, "
        f"{_span(run.exam_questions for run in runs)} questions of the train part of "
        f"'{first.case.test}', of which {_span(run.exam_tuned for run in runs)} are also tuned on.",
        *(f"Zoo: {', '.join(zoo)}." for zoo in zoos),
        *(f"Not tuned on: {names}." for names in unseen),
    ]
    unable = [name for name in methods if not all(name in run.scores for run in runs)]
    if unable:
        found.append(f"Cannot score candidates they were not tuned on: {', '.join(unable)}.")
    if left_out:
        found.append(
            f"Questions left out because not all of a zoo were asked them: {left_out} over "
            f"{len(runs)} runs."
        )
    return found


def method_table(methods: Sequence[MethodFigures], compare: str) -> Table:
    """Every method's figures, means over data sets."""
    joins = any(found.onboarding for found in methods)
    head = ["method", "accuracy", "gain over best single", "p", "gap", "AUC", "AUC pooled", "ECE"]
    head += [f"over {compare}", "p"] if any(found.versus for found in methods) else []
    head += [JOINING, "p"] if joins else []
    rows = []
    for found in methods:
        mean = found.figures[MEAN]
        row = [percent(mean["accuracy"]), *_points(found.gain)]
        row += [f"{mean['gap_share'].value:.1%}"]
        row += [f"{mean[name].value:.3f}" for name in ("auc", "auc_pooled", "ece")]
        row += _points(found.versus) if "over " + compare in head else []
        row += _points(found.onboarding) if joins else []
        figures = [cell.replace("nan%", "").replace("nan", "") for cell in row]
        rows.append([found.method, *figures])
    return Table("Figures of each method", head, rows)


def dataset_tables(methods: Sequence[MethodFigures]) -> list[Table]:
    """Accuracies by data set, where there are several."""
    names = sorted(name for name in methods[0].figures if name != MEAN)
    if len(names) < 2:
        return []
    rows = [
        [found.method, *(percent(found.figures[name]["accuracy"]) for name in names)]
        for found in methods
    ]
    return [Table("Accuracy in each data set", ["accuracy", *names], rows)]


def case_tables(methods: Sequence[MethodFigures]) -> list[Table]:
    """Gains of every case, means over seeds, where there are several cases."""
    cases = list(dict.fromkeys(run.case for run in methods[0].runs))
    if len(cases) < 2:
        return []
    kinds = {"gain": "gain over best single", "onboarding": JOINING}
    if not any(found.onboarding for found in methods):
        del kinds["onboarding"]
    shown = [found for found in methods if found.method not in REFERENCES]
    return [
        Table(
            f"Each case: {title}",
            [title, *(found.method for found in shown)],
            [[case, *(_case_mean(found, case, kind) for found in shown)] for case in cases],
        )
        for kind, title in kinds.items()
    ]


def release_table(steps: Sequence[Release]) -> Table:
    """Accuracies at every step of a replay."""
    methods = list(dict.fromkeys(found.method for step in steps for found in step.figures))
    rows = []
    for step in steps:
        accuracy = {found.method: found.figures[MEAN]["accuracy"] for found in step.figures}
        cells = [f"{accuracy[name].value:.1%}" if name in accuracy else "" for name in methods]
        rows.append([str(step.released), step.newest, *cells])
    return Table("Accuracy at each release", ["released", "newest", *methods], rows)


def coverage_table(covered: Sequence[Covered]) -> Table:
    """What the zoo gets right together as candidates join."""
    head = ["candidate joins", "its accuracy", "union", "of the reference's right", "of its wrong"]
    rows = []
    for step in covered:
        shares = (step.accuracy, step.union, step.of_right, step.of_wrong)
        rows.append([step.candidate, *(f"{share:.1%}" for share in shares)])
    return Table("Coverage as candidates join", head, rows)


def percent(found: Estimate) -> str:
    """A share and its interval."""
    return f"{found.value:.1%} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _unseen(run: Run) -> str:
    unseen = [name for name in run.case.zoo if name not in run.case.seen]
    if len(unseen) == len(run.case.zoo):
        return "all candidates of the zoo"
    return ", ".join(unseen) or "nobody; the whole zoo is tuned on"


def _span(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _case_mean(found: MethodFigures, case: str, figure: str) -> str:
    values = [run.figures[figure] for run in found.runs if run.case == case]
    return f"{100 * sum(values) / len(values):+.1f}"


def _points(found: Difference | None) -> list[str]:
    """A difference in points of percent, and its p."""
    if found is None:
        return ["", ""]
    points = f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return [points, f"{found.p:.3f}"]
