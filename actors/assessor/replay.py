"""The release replay: models appear one by one, by their dates, and nothing is tuned again.

Methods are tuned once, on models released before a start date. From then on each new model joins
by its card; the zoo is the best so far, by their cards, and the newest (paper: Figure 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from actors.assessor.assessment import Assessment, Run
from actors.assessor.cases import Case
from actors.assessor.figures import MethodFigures, setting_figures
from actors.assessor.methods import MakeMethod
from actors.assessor.plan import Plan, Replay
from actors.examiner.outcomes import OutcomeMatrix
from cluster.errors import TableError
from cluster.tables import file_in, read_table


@dataclass(frozen=True)
class Replayed:
    """A whole replay."""

    steps: Sequence["Release"]
    overall: Sequence[MethodFigures]  # means over all steps


@dataclass(frozen=True)
class Release:
    """A step of the replay: a model came out, and this is how the methods then choose."""

    newest: str
    released: date
    figures: Sequence[MethodFigures]


def release_dates(folder: str, candidates: Sequence[str]) -> dict[str, date]:
    """When each candidate was released, in the order of release; equal dates sort by name.

    Raises:
        TableError: ``models.parquet`` is missing, lacks a column, or has no date of a candidate.
    """
    place = file_in(folder, "models.parquet")
    models = read_table(place)
    missing = [name for name in ("model_id", "release_date") if name not in models.column_names]
    if missing:
        raise TableError(
            f"{place}: no column '{missing[0]}'; found: {', '.join(models.column_names)}"
        )
    names, dates = models["model_id"].to_pylist(), models["release_date"].to_pylist()
    known = dict(zip(names, dates, strict=True))
    undated = [name for name in candidates if not known.get(name)]
    if undated:
        raise TableError(
            f"{place}: no release_date of candidate '{undated[0]}' ({len(undated)} in all); "
            "give one, or leave the candidate out of the source"
        )
    try:
        parsed = {name: date.fromisoformat(str(known[name])) for name in candidates}
    except ValueError as error:
        raise TableError(f"{place}: release_date must be YYYY-MM-DD: {error}") from error
    return dict(sorted(parsed.items(), key=lambda item: (item[1], item[0])))


def releases(assessment: Assessment, replay: Replay, dates: dict[str, date]) -> dict[str, Case]:
    """The case of each model that was released on the start date or later."""
    start = date.fromisoformat(replay.start)
    old = [name for name, day in dates.items() if day < start]
    cards = assessment.exam(replay.source, list(dates), old).cards
    found, so_far = {}, list(old)
    for newest in list(dates)[len(old) :]:
        ranked = sorted(so_far, key=lambda name: (-cards[name].mean_accuracy(), name))
        zoo = (*ranked[: replay.best], newest)
        found[newest] = Case(newest, replay.source, replay.source, zoo, tuple(old))
        so_far.append(newest)
    return found


def dated(
    plan: Plan, replay: Replay, source: OutcomeMatrix
) -> tuple[dict[str, date], OutcomeMatrix]:
    """The release dates of a replay, and the questions that every model was asked.

    Raises:
        TableError: as ``release_dates``; no model was released before the start date, or none
            since; or no question was asked of every model.
    """
    dates = release_dates(plan.sources[replay.source].folder, source.candidates)
    start = date.fromisoformat(replay.start)
    if not min(dates.values()) < start <= max(dates.values()):
        raise TableError(
            f"replay '{replay.name}': models must be released before and since {start}; "
            f"their dates run from {min(dates.values())} to {max(dates.values())}"
        )
    asked = source.complete()
    if not len(asked):
        raise TableError(
            f"replay '{replay.name}': no question was asked of all {len(dates)} models; "
            "leave out of the source those that were asked few"
        )
    return dates, asked


def replay_releases(
    plan: Plan, replay: Replay, source: OutcomeMatrix, make: MakeMethod
) -> Replayed:
    """The steps of a replay, in the order of release; figures are over all seeds.

    Only questions that every model was asked count, so that all steps are measured alike.

    Raises:
        TableError: as ``dated`` and ``Assessment``.
    """
    dates, asked = dated(plan, replay, source)
    runs: dict[str, list[Run]] = {}
    for seed in plan.seeds:
        assessment = Assessment(plan, {replay.source: asked}, make, seed)
        steps = releases(assessment, replay, dates)
        for newest, run in zip(steps, assessment.runs([*steps.values()]), strict=True):
            runs.setdefault(newest, []).append(run)
    everything = [run for found in runs.values() for run in found]
    return Replayed(
        steps=[
            Release(newest, dates[newest], setting_figures(found, plan.draws, plan.compare))
            for newest, found in runs.items()
        ],
        overall=setting_figures(everything, plan.draws, plan.compare),
    )
