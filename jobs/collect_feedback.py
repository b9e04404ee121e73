"""Makes outcomes of the feedback on the served router's answers, for the next tuning."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Puts ``feedback/`` into the store; tells what of the feedback is in there and what not."""
    from actors.router.records import outcomes_of_feedback, write_collected
    from cluster.store import Store

    store = Store(settings.store)
    collected = outcomes_of_feedback(store)
    place = write_collected(store, collected)
    outcomes, questions = collected.outcomes.num_rows, collected.questions.num_rows
    left_out = collected.left_out.most_common()
    return Result(
        {
            "folder": place,
            "feedback": collected.joined,
            "outcomes": outcomes,
            "questions": questions,
            "left_out": dict(left_out),
        },
        [
            f"{collected.joined} rows of feedback became {outcomes} outcomes of "
            f"{questions} instructions: {place}",
            *(f"{rows} left out: {why}" for why, rows in left_out),
        ],
    )


if __name__ == "__main__":
    run_job("collect-feedback")
