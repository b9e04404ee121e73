"""What a threshold of policy ``cheapest-above`` buys, on outcomes held out from tuning."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result

THRESHOLDS = [step / 20 for step in range(21)]


def run(settings: Settings) -> Result:
    """For each threshold: mean outcome and mean price of the candidates it would choose."""
    from dataclasses import asdict

    import numpy as np

    from actors.examiner.outcomes import outcome_matrix, split_position
    from actors.examiner.records import load_outcomes, load_test_questions
    from actors.router.curve import quality_cost_curve
    from actors.router.rules import operator_rules
    from actors.selector.checkpoint import tuned_test
    from actors.selector.stored import load_stored
    from cluster.errors import TableError
    from cluster.settings import CheapestAbovePolicy
    from cluster.store import Store
    from cluster.zoo import load_zoo

    store = Store(settings.store)
    policy = CheapestAbovePolicy(threshold=0)  # it reads prices, whatever policy is set
    rules = operator_rules(
        load_zoo(settings.zoo), settings.router.model_copy(update={"policy": policy})
    )
    ids = sorted(rules.candidates)
    test = tuned_test(store.local_folder(f"selectors/{settings.selector_name}"))
    outcomes = outcome_matrix(
        load_test_questions(store, test), load_outcomes(store, test, ids), name=f"test {test}"
    ).of(ids)
    positions_N = np.array([split_position(prompt) for prompt in outcomes.prompts])
    rows = np.flatnonzero(positions_N < settings.tuning.held_out)
    held_out = outcomes.questions(rows).complete()
    if not len(held_out):
        raise TableError(
            f"test {test}: no held-out question was asked of all of {', '.join(ids)} "
            "(key 'tuning.held_out')"
        )
    scorer, cards = load_stored(store, settings.selector_name, ids, before=settings.router.filter)
    scores_NM = scorer.scores(held_out.texts, cards)
    prices_M = np.array([rules.prices[id] for id in ids])
    curve = list(quality_cost_curve(scores_NM, held_out.scores_NM, prices_M, THRESHOLDS))
    return Result(
        {"held_out": len(held_out), "curve": [asdict(point) for point in curve]},
        [
            f"{len(held_out)} held-out questions; price in US dollars per million tokens",
            "threshold  quality    price",
            *(
                f"{point.threshold:9.2f}  {point.quality:7.1%}  {point.price:7.3f}"
                for point in curve
            ),
        ],
    )


if __name__ == "__main__":
    run_job("quality-cost")
