"""Measures selection on past outcomes and writes a report."""

from actors.assessor.plan import Plan
from jobs.cli import run_job


def run(settings: Plan) -> None:
    """Puts the report into the plan's output folder; prints accuracies and gains."""
    import logging

    from actors.assessor.assessment import assess
    from actors.assessor.coverage import coverage
    from actors.assessor.figures import MEAN, setting_figures
    from actors.assessor.findings import Measured
    from actors.assessor.methods import methods
    from actors.assessor.parts import read_source
    from actors.assessor.replay import replay_releases
    from actors.assessor.report import check_output, write_report

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    check_output(settings)
    sources = {name: read_source(source) for name, source in settings.sources.items()}
    make = methods(settings)
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
        coverages={
            each.name: coverage(sources[each.source], settings.zoos[each.zoo], each.reference)
            for each in settings.coverages
        },
    )
    place = write_report(settings, measured)
    for name, (_, figures) in measured.settings.items():
        for found in figures:
            accuracy = found.figures[MEAN]["accuracy"].value
            print(f"{name}, {found.method}: accuracy {accuracy:.1%}, {100 * found.gain.value:+.1f}")
    print(f"report: {place}")


if __name__ == "__main__":
    run_job("assess")
