"""Gives the aptitude test to every candidate of the zoo that has no card for it yet."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Writes cards and outcomes into the store, and prints a line for each candidate."""
    from actors.candidate.fitting import check_each_fits
    from actors.examiner.exam import examine
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    with ray_session(settings.ray) as nodes:
        check_each_fits(zoo.candidates, nodes)
        cards = examine(zoo, settings, store)
    for card in cards:
        questions = sum(result.count for result in card.tasks)
        print(f"{card.model_id}: {card.mean_accuracy():.1%} of {questions} questions")


if __name__ == "__main__":
    run_job("examine-candidates")
