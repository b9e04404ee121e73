"""Every method of a plan learns and scores through the one place that makes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.assessor.assessment import assess
from actors.assessor.methods import methods
from actors.assessor.parts import read_source
from actors.assessor.plan import Plan
from actors.examiner.outcomes import OutcomeMatrix, cards_from_outcomes
from cluster.errors import SettingsError, TableError
from cluster.settings import SelectorSettings

TUNING = {
    "loss": "anchored",
    "groups_per_epoch": 4,
    "stage1": {"epochs": 1, "lr": 1e-2},
    "stage2": {"epochs": 1, "lr": 1e-3},
}


@pytest.fixture
def plan(tiny_sources: Callable[..., SelectorSettings], make_plan: Callable[..., Plan]) -> Plan:
    selector = tiny_sources()
    return make_plan(
        encoder=selector.encoder,
        item_response={"encoder": selector.encoder, "layers": [1, 2]},
        model_sat={"selector": selector.model_dump(), "tuning": TUNING},
        variants={
            "words": {"selector": {"capability": "words"}, "tuning": {"stage1": {"epochs": 0}}},
            "wrong": {"tuning": {"loss": "none"}},
        },
    )


@pytest.mark.parametrize(
    ("name", "seen_only"),
    [
        ("item-response", False),
        ("model-sat", False),
        ("model-sat words", False),
        ("best-aptitude", False),
        ("knn", True),
    ],
)
def test_a_method_learns_and_scores(
    plan: Plan, matrix: OutcomeMatrix, name: str, seen_only: bool
) -> None:
    outcomes = matrix.questions(range(0, 200, 5))
    cards = cards_from_outcomes(outcomes, "test")
    method = methods(plan, {"source": matrix})(name, "source", 0)
    assert method.seen_only == seen_only
    scorer = method.learner.fit(outcomes, cards)
    scores_NM = scorer.scores(matrix.texts[:7], cards)
    assert scores_NM.shape == (7, len(cards))
    assert ((scores_NM >= 0) & (scores_NM <= 1)).all()
    assert np.unique(scores_NM).size > 1


def test_an_unknown_method_is_named(plan: Plan, matrix: OutcomeMatrix) -> None:
    with pytest.raises(SettingsError, match=r"'guess'; there are: .*knn"):
        methods(plan, {"source": matrix})("guess", "source", 0)


def test_a_variant_differs_in_its_keys_only(plan: Plan) -> None:
    selector, tuning = plan.model_sat_settings()
    other, others_tuning = plan.model_sat_settings("words")
    assert other == selector.model_copy(update={"capability": "words"})
    stage1 = tuning.stage1.model_copy(update={"epochs": 0})
    assert others_tuning == tuning.model_copy(update={"stage1": stage1})


def test_a_variant_that_is_not_there_or_wrong_is_named(plan: Plan, matrix: OutcomeMatrix) -> None:
    with pytest.raises(SettingsError, match=r"'model-sat more'.* there are: words, wrong"):
        methods(plan, {"source": matrix})("model-sat more", "source", 0)
    with pytest.raises(SettingsError, match=r"key 'variants.wrong': key 'tuning.loss'"):
        methods(plan, {"source": matrix})("model-sat wrong", "source", 0)


def test_model_sat_needs_its_settings(
    make_plan: Callable[..., Plan], matrix: OutcomeMatrix
) -> None:
    with pytest.raises(SettingsError, match="needs the key 'model_sat' of the plan"):
        methods(make_plan(), {"source": matrix})("model-sat", "source", 0)


def reranking(plan: Plan) -> Plan:
    settings = [{"name": "seen", "tune": "source", "zoo": "three"}]
    method = "embedding-reranker"
    keys = {"methods": [method], "rerankers": {method: plan.encoder}, "settings": settings}
    return Plan.model_validate(plan.model_dump() | keys)


@pytest.mark.parametrize("apart", [True, False])
def test_rerankers_rate_what_the_source_says_was_written(
    plan: Plan, write_source: Callable[..., Path], apart: bool
) -> None:
    folder = write_source()
    outcomes = pq.read_table(folder / "outcomes.parquet")
    written = [f"{name} says {len(name)}" for name in outcomes["model_id"].to_pylist()]
    outputs = outcomes.append_column("output", pa.array(written))
    if apart:
        pq.write_table(outputs.drop_columns(["correct"]), folder / "outputs.parquet")
    else:
        pq.write_table(outputs, folder / "outcomes.parquet")
    plan = reranking(plan)
    sources = {"source": read_source(plan.sources["source"])}
    run, *_ = assess(plan, sources, methods(plan, sources))["seen"]
    assert np.unique(run.scores["embedding-reranker"]).size > 3


def test_rerankers_need_what_was_written_by_all(
    plan: Plan, write_source: Callable[..., Path]
) -> None:
    folder, plan = write_source(), reranking(plan)
    sources = {"source": read_source(plan.sources["source"])}
    with pytest.raises(TableError, match=r"no column 'output'.*no outputs\.parquet beside it"):
        assess(plan, sources, methods(plan, sources))
    some = {"model_id": ["adder"], "question_id": ["q0"], "output": ["It is 7."]}
    pq.write_table(pa.table(some), folder / "outputs.parquet")
    with pytest.raises(TableError, match=r"there is nothing of candidate '\w+' for 'Question"):
        assess(plan, sources, methods(plan, sources))


def test_a_reranker_that_is_no_method_of_the_plan_is_named(plan: Plan) -> None:
    keys = {"methods": ["bge"], "rerankers": {"bgee": "somewhere"}}
    with pytest.raises(ValueError, match=r"'rerankers' names no known method; there are: bge"):
        Plan.model_validate(plan.model_dump() | keys)
