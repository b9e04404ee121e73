"""Makes outcomes of the feedback on the served router's answers, for the next tuning."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Puts ``feedback/`` into the store; prints what of the feedback is in there and what not."""
    from actors.router.records import outcomes_of_feedback, write_collected
    from cluster.store import Store

    store = Store(settings.store)
    collected = outcomes_of_feedback(store)
    place = write_collected(store, collected)
    print(
        f"{collected.joined} rows of feedback became {collected.outcomes.num_rows} outcomes of "
        f"{collected.questions.num_rows} instructions: {place}"
    )
    for why, rows in collected.left_out.most_common():
        print(f"{rows} left out: {why}")


if __name__ == "__main__":
    run_job("collect-feedback")
