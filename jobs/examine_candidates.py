"""Gives the aptitude test to every candidate of the zoo that has no card for it yet."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Writes cards and outcomes into the store; tells each candidate's accuracy."""
    from actors.candidate.fitting import check_each_fits, claims_of
    from actors.examiner.exam import examine
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    with ray_session(settings.ray) as nodes:
        check_each_fits(claims_of(zoo.candidates), nodes)
        cards = examine(zoo, settings, store)
    found = {
        card.model_id: {
            "accuracy": card.mean_accuracy(),
            "questions": sum(result.count for result in card.tasks),
        }
        for card in cards
    }
    lines = [
        f"{id}: {each['accuracy']:.1%} of {each['questions']} questions"
        for id, each in found.items()
    ]
    return Result(found, lines)


if __name__ == "__main__":
    run_job("examine-candidates")
