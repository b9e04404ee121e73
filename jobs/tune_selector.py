"""Tunes a selector on the outcomes of the exam's practice questions (of the test, if none).

With ``tuning.feedback`` also on what users said of the served router's answers, and with
``tuning.outcomes`` on folders of outcomes that were collected or imported.
"""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Puts ``selectors/NAME`` into the store; tells the figures of held-out questions."""
    import pyarrow.compute as pc

    from actors.candidate.fitting import check_all_fit
    from actors.examiner.aptitude import planned_test
    from actors.examiner.records import PRACTICE, load_cards, load_outcomes, load_test_questions
    from actors.router.records import with_feedback
    from actors.tuner.sources import with_outcomes
    from cluster.errors import StoreError
    from cluster.store import Store
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    zoo = load_zoo(settings.zoo)
    store = Store(settings.store)
    planned = planned_test(settings.exam)
    test = planned.hash
    cards = load_cards(store, test, zoo.ids())
    questions = asked = load_test_questions(store, test)
    if settings.exam.practice:
        questions = questions.filter(pc.field("part") == PRACTICE)
        if len(questions) < len(planned.practice):
            raise StoreError(
                f"key 'exam.practice': asks for {len(planned.practice)} questions, and candidates "
                f"were asked {len(questions)}; run: model-sat examine-candidates"
            )
    outcomes = load_outcomes(store, test, zoo.ids())
    outcomes = outcomes.filter(
        pc.is_in(outcomes["question_id"], value_set=questions["question_id"].combine_chunks())
    )
    if settings.tuning.feedback:
        questions, outcomes = with_feedback(store, zoo.ids(), questions, outcomes)
    if settings.tuning.outcomes:
        questions, outcomes = with_outcomes(
            store, settings.tuning.outcomes, zoo.ids(), asked, questions, outcomes
        )

    from actors.tuner.loop import claim, tune

    with ray_session(settings.ray) as nodes:
        check_all_fit([claim(settings)], nodes)
        tuned_on = tune(settings, zoo.name, cards, questions, outcomes, store)
    lines = []
    for name in ("untuned", "tuned"):
        if name not in tuned_on:  # the fast selector is nothing before it is tuned
            continue
        figures = ", ".join(f"{key} {value:.3g}" for key, value in tuned_on[name].items())
        lines.append(f"held-out questions, {name}: {figures}")
    return Result({"selector": settings.selector_name, **tuned_on}, lines)


if __name__ == "__main__":
    run_job("tune-selector")
