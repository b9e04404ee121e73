"""Routes and answers a whole data set of instructions."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Writes answers, choices and scores into the store; prints a line for each candidate."""
    from actors.candidate.fitting import check_each_fits
    from actors.router.batch import route
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    with ray_session(settings.ray) as nodes:
        check_each_fits(zoo.candidates, nodes)
        counts = route(zoo, settings, store)
    for model_id, rows in counts.items():
        print(f"{model_id}: {rows} instructions")


if __name__ == "__main__":
    run_job("route-dataset")
