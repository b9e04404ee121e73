from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from actors.examiner.card import CapabilityCard
from actors.selector.capability import Encoded
from actors.selector.network import ModelSat, create
from actors.selector.scorer import Scorer
from actors.selector.scoring import Selector
from actors.tuner import steps
from actors.tuner.calibration import Calibration
from actors.tuner.groups import Group, Row, draw_groups, groups_of
from actors.tuner.samples import Record, read_samples
from actors.tuner.stages import enter_stage, make_optimizer, make_scheduler
from actors.tuner.steps import Batcher, Prediction, batch_loss, figures, predict, train_step
from cluster.settings import SelectorSettings, StageSettings, TuningSettings
from cluster.store import Store


@pytest.fixture
def model(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> ModelSat:
    return create(tiny_sources(), Store(str(tmp_path / "store")), seed=0)


@pytest.fixture
def train(world: Any) -> list[Record]:
    return read_samples(world.outcomes, world.questions, world.cards, 0.2).train


def draw(train: list[Record], count: int, seed: str = "0", **tuning: Any) -> list[Group]:
    settings = TuningSettings(group_size=3).model_copy(update=tuning)
    return draw_groups(groups_of(train, settings), count, seed)


def test_a_step_gives_the_loss_of_equation_5(model: ModelSat, train: list[Record]) -> None:
    groups = draw(train, 4)
    enter_stage(model, 1)
    optimizer = make_optimizer(model, 1, StageSettings(lr=1e-2))
    expected = []
    for group in groups:
        ids = [model.inquiry.ids(row.instruction) for row in group]
        log_odds_K = model([model.capability(group[0].card)], [0] * 3, ids)
        positive = [row.score for row in group].index(1.0)
        expected.append(-torch.log_softmax(log_odds_K, 0)[positive])
    batches = Batcher(model).batches(groups, 4)
    found = train_step(model, batches, "paper", optimizer, make_scheduler(optimizer, 10))
    assert found["loss"] == pytest.approx(torch.stack(expected).mean().item(), abs=1e-5)


@pytest.mark.parametrize("loss", ["paper", "both", "anchored"])
def test_passes_pile_up_to_the_gradients_of_one_big_batch(
    model: ModelSat, train: list[Record], loss: str
) -> None:
    # Groups of an instruction differ in size: some candidates lack an outcome.
    gappy = [record._replace(right=record.right[number:]) for number, record in enumerate(train)]
    groups = draw(gappy, 6, loss=loss)
    enter_stage(model, 2)
    gradients = []
    for size in (6, 2):
        optimizer = make_optimizer(model, 2, StageSettings(lr=1e-2))
        scheduler = make_scheduler(optimizer, 10)  # whose first rate is 0: no weight changes
        batches = Batcher(model).batches(groups, size)
        assert len(batches) == 6 / size
        train_step(model, batches, loss, optimizer, scheduler)
        gradients.append({n: w.grad for n, w in model.named_parameters() if w.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-6, rtol=1e-4)


def test_bfloat16_steps_come_near_those_of_float32(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, train: list[Record]
) -> None:
    settings, store = tiny_sources(), Store(str(tmp_path / "store"))
    found = []
    for dtype in ("float32", "bfloat16"):
        model = create(settings.model_copy(update={"dtype": dtype}), store, seed=0)
        enter_stage(model, 2)
        optimizer = make_optimizer(model, 2, StageSettings(lr=1e-2))
        batches = Batcher(model).batches(draw(train, 8), 8)
        scheduler = make_scheduler(optimizer, 10)
        found.append(train_step(model, batches, "paper", optimizer, scheduler))
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    exact, near = found
    assert near["loss"] == pytest.approx(exact["loss"], rel=0.02)
    assert near["loss"] != exact["loss"]
    assert near["grad_norm"] == pytest.approx(exact["grad_norm"], rel=0.1)


def test_groups_of_like_length_share_a_batch(model: ModelSat, world: Any) -> None:
    def group(*words: int) -> Group:
        return tuple(Row(world.cards[0], "word " * count, 0.0) for count in words)

    groups = [group(30, 1), group(2, 1), group(29, 28), group(1, 3)]
    lengths = [
        sorted(len(ids) - len(model.inquiry.inquiry) for ids in batch.instructions)
        for batch in Batcher(model).batches(groups, 2)
    ]
    short, long = [max(found) for found in lengths]
    assert short < long / 3


@pytest.mark.parametrize(
    ("stage", "fixed_cards", "readings"), [(1, True, 1), (2, True, 3), (1, False, 3)]
)
def test_a_card_is_encoded_once_a_step_and_once_at_all_while_frozen(
    model: ModelSat, train: list[Record], stage: int, fixed_cards: bool, readings: int
) -> None:
    enter_stage(model, stage)
    optimizer = make_optimizer(model, stage, StageSettings(lr=1e-2))
    batcher = Batcher(model, fixed_cards)
    encoded: list[int] = []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    for step in range(3):
        batches = batcher.batches(draw(train[:1], 3, str(step)), 3)
        train_step(model, batches, "paper", optimizer, make_scheduler(optimizer, 10))
    assert len(encoded) == readings


def layered(tiny_sources: Callable[..., SelectorSettings], **settings: Any) -> SelectorSettings:
    return tiny_sources(layers=3, order="instruction-first", capability_layer=2, **settings)


def rows_read(model: ModelSat) -> list[int]:
    """How many rows each call of the decoder's first layer reads from now on."""
    found: list[int] = []
    first = model.decoder.base_model.layers[0]
    first.register_forward_hook(lambda _, args, __: found.append(len(args[0])))
    return found


def test_layers_that_do_not_learn_read_an_instruction_once(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, train: list[Record]
) -> None:
    tuning = TuningSettings(frozen_layers=2, loss="anchored")
    model = create(layered(tiny_sources), Store(str(tmp_path / "store")), seed=0)
    groups = draw(train, 6, loss="anchored")
    enter_stage(model, 2)
    [fresh] = Batcher(model).batches(groups, 6)
    assert all(isinstance(each, list) for each in fresh.instructions)
    enter_stage(model, 2, tuning)
    seen = rows_read(model)
    batcher = Batcher(model)
    for _ in range(2):
        [known] = batcher.batches(groups, 6)
    assert sum(seen) == len({row.instruction for group in groups for row in group})
    assert batch_loss(model, known, "anchored").item() == pytest.approx(
        batch_loss(model, fresh, "anchored").item(), abs=1e-6
    )


def test_what_does_not_fit_into_memory_is_read_anew(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    train: list[Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = create(layered(tiny_sources), Store(str(tmp_path / "store")), seed=0)
    groups = draw(train, 6, loss="anchored")
    enter_stage(model, 2, TuningSettings(frozen_layers=2, loss="anchored"))
    [kept] = Batcher(model).batches(groups, 6)
    sizes = [words.nbytes for words in kept.instructions if isinstance(words, torch.Tensor)]
    assert len(sizes) == len(kept.instructions) > 2
    monkeypatch.setattr(steps, "_MOST_KEPT", sum(sizes[:2]))
    seen = rows_read(model)
    batcher = Batcher(model)
    for _ in range(2):
        [anew] = batcher.batches(groups, 6)
        for words, again in zip(kept.instructions, anew.instructions, strict=True):
            assert torch.equal(torch.as_tensor(words), torch.as_tensor(again))
    assert sum(seen) == 2 * len(sizes) - 2


def test_a_frozen_encoder_reads_each_line_of_cards_that_change_once(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    train: list[Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = layered(tiny_sources, capability="tasks", numeric=True)
    model = create(settings, Store(str(tmp_path / "store")), seed=0)
    enter_stage(model, 2, TuningSettings(tune_encoder=False))
    texts: list[str] = []
    preprocess = model.encoder.preprocess

    def noted(lines: list[str]) -> Any:
        texts.extend(lines)
        return preprocess(lines)

    monkeypatch.setattr(model.encoder, "preprocess", noted)
    batcher = Batcher(model, fixed_cards=False)
    for _ in range(3):
        batcher.batches(draw(train, 3), 3)
    assert len(texts) == len(set(texts)) > 0
    card = train[0].card
    [encoded] = Batcher(model).batches([(Row(card, "Why?", 1.0),)], 1)[0].cards
    assert isinstance(encoded, Encoded)
    expected = model.encode(model.capability(card))
    torch.testing.assert_close(encoded.texts_CE, expected.texts_CE, atol=1e-6, rtol=0)
    torch.testing.assert_close(encoded.profile_E, expected.profile_E, atol=1e-6, rtol=0)


def test_figures_by_hand() -> None:
    rows = [
        Prediction("a", 2.0, True),
        Prediction("a", 1.0, False),
        Prediction("a", 3.0, False),
        Prediction("b", 0.0, True),
        Prediction("b", 0.0, False),
        Prediction("c", 9.0, True),  # has no wrong one: counts nowhere
    ]
    found = figures(rows)
    assert found["auc"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["auc_pooled"] == pytest.approx((2 / 3 + 1 / 6) / 2)
    pairs = torch.tensor([[2.0, 1.0], [2.0, 3.0]])
    of_a = -torch.log_softmax(pairs, 1)[:, 0].mean().item()
    assert found["loss"] == pytest.approx((of_a + 0.693147) / 2)
    assert found["outcomes"] == 6
    # The two of 0.0 share a bin, the others have bins of their own.
    gaps = [1 - 0.880797, 0.731059, 2 * 0.5 - 1, 0.952574, 1 - 0.999877]
    assert found["ece"] == pytest.approx(sum(gaps) / 6, abs=1e-5)


def test_the_calibration_error_is_of_corrected_scores_as_they_are_served() -> None:
    marks = [True, True, True, False]
    rows = [Prediction("a", 0.0, mark) for mark in marks]
    level = Calibration(slope=1.0, bias=float(np.log(3)))
    assert figures(rows)["ece"] == pytest.approx(0.25)
    corrected = figures(rows, level)
    assert corrected["ece"] == pytest.approx(0.0, abs=1e-9)
    assert {**corrected, "ece": 0.25} == figures(rows)


def test_figures_that_nothing_can_be_said_about_are_left_out() -> None:
    found = figures([Prediction("a", 1.0, True)])
    assert found == {"outcomes": 1, "ece": pytest.approx(1 - 0.731059, abs=1e-5)}


class Noting:
    """A scorer that notes what it is asked."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.texts, self.scored = scorer, list[str](), 0

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        self.texts += instructions
        self.scored += len(instructions) * len(cards)
        return self.scorer.scores(instructions, cards)


@pytest.mark.parametrize("order", ["card-first", "instruction-first"])
def test_a_text_is_scored_once_for_all_who_were_asked_it(
    tiny_sources: Callable[..., SelectorSettings], tmp_path: Path, world: Any, order: str
) -> None:
    selector = Selector(create(tiny_sources(order=order), Store(str(tmp_path)), seed=0))
    whole = read_samples(world.outcomes, world.questions, world.cards, 0.3).held_out
    gappy = [record._replace(wrong=record.wrong[number:]) for number, record in enumerate(whole)]
    gappy[0].right.append(gappy[0].wrong[0])  # two questions may have the same words
    scorer = Noting(selector)
    found = predict(scorer, gappy)
    assert len(scorer.texts) == len(set(scorer.texts))
    assert scorer.scored == len(found) - 1
    alone = [
        Prediction(card.model_id, log_odds, mark)
        for card, right, wrong in gappy
        for mark, texts in ((True, right), (False, wrong))
        for log_odds in selector.log_odds(texts, [card])[:, 0].tolist()
    ]
    assert [(row.model_id, row.right) for row in found] == [
        (row.model_id, row.right) for row in alone
    ]
    assert [row.log_odds for row in found] == pytest.approx([r.log_odds for r in alone], abs=1e-4)


def test_evaluation_changes_nothing(model: ModelSat, world: Any) -> None:
    held_out = read_samples(world.outcomes, world.questions, world.cards, 0.3).held_out
    enter_stage(model, 2)
    first = figures(predict(Selector(model), held_out))
    assert first == figures(predict(Selector(model), held_out))
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
