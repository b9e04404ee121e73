"""Routes and answers a whole data set of instructions."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Writes answers, choices and scores into the store; tells how many each candidate answered."""
    from actors.candidate.fitting import check_all_fit, check_each_fits, claims_of
    from actors.router.batch import route
    from actors.router.batch_scores import scorers
    from actors.router.rules import operator_rules
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    answering = [zoo.candidate(id) for id in operator_rules(zoo, settings.router).answering()]
    with ray_session(settings.ray) as nodes:
        check_all_fit([scorers(settings.router)], nodes)
        check_each_fits(claims_of(answering), nodes)
        counts = route(zoo, settings, store)
    lines = [f"{model_id}: {rows} instructions" for model_id, rows in counts.items()]
    return Result({"answered": counts}, lines)


if __name__ == "__main__":
    run_job("route-dataset")
