"""Has every candidate of the zoo answer data sets, marks the answers, and keeps the outcomes."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Puts ``collected/NAME`` into the store; tells what each candidate was asked and got right."""
    from actors.candidate.fitting import check_each_fits, claims_of
    from actors.examiner.collect import collect
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    with ray_session(settings.ray) as nodes:
        if nodes:
            check_each_fits(claims_of(zoo.candidates), nodes)
        collection = collect(zoo, settings, store)
    lines = [f"{id}: {_line(counts)}" for id, counts in collection.counts.items()]
    found = {"folder": collection.place, "candidates": collection.counts}
    return Result(found, [*lines, f"outcomes: {collection.place}"])


def _line(counts: dict[str, float | None]) -> str:
    tested = (counts["circle_right"] or 0) + (counts["circle_wrong"] or 0)
    parts = [f"{counts['right']} of {counts['questions']} right"]
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    if tested:
        parts.append(f"{counts['circle_wrong']} of {tested} fell in the circle test")
    if counts["cost"] is not None:
        parts.append(f"{counts['cost']:.4g} US dollars")
    return ", ".join(parts)


if __name__ == "__main__":
    run_job("collect")
