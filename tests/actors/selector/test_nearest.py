from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.examiner.card import CapabilityCard
from actors.selector.cascade import Cascade
from actors.selector.nearest import NearestTasks, encoder_of
from actors.selector.network import ModelSat, create
from actors.selector.scoring import Selector
from cluster.store import Store

TOPICS = ["prime numbers", "contract law", "cell biology"]


@pytest.fixture(scope="module")
def model(tiny_sources: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> ModelSat:
    store = Store(str(tmp_path_factory.mktemp("nearest") / "store"))
    return create(tiny_sources(TOPICS), store, seed=0)


def test_the_task_with_the_same_words_is_nearest(
    model: ModelSat, make_card: Callable[..., CapabilityCard]
) -> None:
    nearest = NearestTasks(model.encoder, make_card("any", [0.5, 0.5, 0.5], TOPICS))
    found = nearest.of(["contract law", "cell biology"], 2)
    assert [near[0].task for near in found] == ["contract law", "cell biology"]
    for near in found:
        assert near[0].similarity == pytest.approx(1, abs=1e-5)
        assert near[1].similarity < near[0].similarity
    assert len(nearest.of(["prime"], 9)[0]) == len(TOPICS)


def test_of_a_text_of_megabytes_little_is_tokenized(
    model: ModelSat, make_card: Callable[..., CapabilityCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    nearest = NearestTasks(model.encoder, make_card("any", [0.5, 0.5, 0.5], TOPICS))
    lengths: list[int] = []
    preprocess = model.encoder.preprocess

    def noted(texts: list[str], **rest: Any) -> Any:
        lengths.extend(map(len, texts))
        return preprocess(texts, **rest)

    monkeypatch.setattr(model.encoder, "preprocess", noted)
    [[near]] = nearest.of(["contract law " * 100_000], 1)
    assert near.task == "contract law"
    assert max(lengths) < 10_000


def test_a_cascade_reads_as_its_large_selector(model: ModelSat, tmp_path: Path) -> None:
    large = Selector(model)
    assert encoder_of(large) is model.encoder
    assert encoder_of(Cascade(large, large, keep=2)) is model.encoder
