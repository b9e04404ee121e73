"""Measures selection on past outcomes and writes a report."""

from actors.assessor.plan import Plan
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Plan) -> Result:
    """Puts the report into the plan's output folder; tells accuracies and gains."""
    from actors.assessor.assessment import assess
    from actors.assessor.coverage import coverage
    from actors.assessor.figures import MEAN, setting_figures
    from actors.assessor.findings import Measured
    from actors.assessor.methods import methods
    from actors.assessor.parts import read_source
    from actors.assessor.replay import dated, replay_releases
    from actors.assessor.report import check_output, write_report

    check_output(settings)
    sources = {name: read_source(source) for name, source in settings.sources.items()}
    make = methods(settings, sources)
    # What takes seconds comes before hours of tuning: its errors are told at once.
    coverages = {
        each.name: coverage(sources[each.source], settings.zoos[each.zoo], each.reference)
        for each in settings.coverages
    }
    for replay in settings.replays:
        dated(settings, replay, sources[replay.source])
    runs = assess(settings, sources, make)
    measured = Measured(
        settings={
            name: (found, setting_figures(found, settings.draws, settings.compare))
            for name, found in runs.items()
        },
        replays={
            replay.name: replay_releases(settings, replay, sources[replay.source], make)
            for replay in settings.replays
        },
        coverages=coverages,
    )
    place = write_report(settings, measured)
    settled = {
        name: {
            each.method: {
                "accuracy": each.figures[MEAN]["accuracy"].value,
                "gain": each.gain.value,
            }
            for each in figures
        }
        for name, (_, figures) in measured.settings.items()
    }
    lines = [
        f"{name}, {method}: accuracy {each['accuracy']:.1%}, {100 * each['gain']:+.1f}"
        for name, found in settled.items()
        for method, each in found.items()
    ]
    return Result({"settings": settled, "report": str(place)}, [*lines, f"report: {place}"])


if __name__ == "__main__":
    run_job("assess")
