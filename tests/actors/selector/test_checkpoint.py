import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from actors.examiner.card import CapabilityCard
from actors.selector import checkpoint
from actors.selector.network import ModelSat, create
from actors.selector.scoring import AutoSelector, Selector
from cluster.errors import StoreError
from cluster.settings import SelectorSettings
from cluster.store import Store

QUESTIONS = ["Why?", "What is the capital of France?"]


@pytest.fixture
def model(tiny_sources: Callable[..., SelectorSettings], tmp_path: Path) -> ModelSat:
    settings, own = tiny_sources(decoder_layers=1), tmp_path / "sources"
    for part in ("encoder", "decoder"):
        shutil.copytree(getattr(settings, part), own / part)
    moved = {"encoder": str(own / "encoder"), "decoder": str(own / "decoder")}
    model = create(settings.model_copy(update=moved), Store(str(tmp_path / "store")), seed=0)
    shutil.rmtree(own)  # a selector does not need its sources any more
    return model


@pytest.fixture
def folder(model: ModelSat, tmp_path: Path) -> Path:
    checkpoint.save(model, tmp_path / "selector", {"test": "abc"})
    return tmp_path / "selector"


def test_reloaded_scores_are_bit_equal(
    model: ModelSat, folder: Path, make_card: Callable[..., CapabilityCard]
) -> None:
    cards = [make_card("a", [0.1] * 50), make_card("b", [0.9] * 50)]
    before = Selector(model).scores(QUESTIONS, cards)
    assert np.array_equal(AutoSelector.from_pretrained(folder).scores(QUESTIONS, cards), before)


def test_tied_weights_stay_tied_and_every_weight_is_kept(model: ModelSat, folder: Path) -> None:
    loaded = checkpoint.load(folder)
    assert isinstance(loaded, ModelSat)
    decoder = loaded.decoder
    assert decoder.lm_head.weight is decoder.model.embed_tokens.weight
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name])
    assert loaded.settings == model.settings


def test_the_folder_holds_no_pickle_and_says_what_it_is(folder: Path) -> None:
    kinds = {file.suffix for file in folder.rglob("*") if file.is_file()}
    assert kinds == {".json", ".safetensors", ".md"}
    said = checkpoint.about(folder)
    assert said["tuned_on"] == {"test": "abc"}
    assert said["settings"]["decoder_layers"] == 1
    assert said["libraries"]["torch"] == version("torch")
    assert checkpoint.tuned_test(folder) == "abc"


def test_saving_replaces_and_leaves_nothing_beside(model: ModelSat, folder: Path) -> None:
    beside = sorted(folder.parent.iterdir())
    checkpoint.save(model, folder, None)
    assert sorted(folder.parent.iterdir()) == beside
    with pytest.raises(StoreError, match="never tuned"):
        checkpoint.tuned_test(folder)


def test_a_failed_save_leaves_the_old_folder(model: ModelSat, folder: Path) -> None:
    with pytest.raises(TypeError):
        checkpoint.save(model, folder, {"test": object()})
    assert checkpoint.tuned_test(folder) == "abc"
    assert not list(folder.parent.glob(".selector*"))


@pytest.mark.parametrize("file", ["selector.json", "tensors.json", "connector.safetensors"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(StoreError, match=file):
        checkpoint.load(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere: no such selector folder"):
        AutoSelector.from_pretrained(tmp_path / "nowhere")


def test_another_format_version(folder: Path) -> None:
    said = json.loads((folder / "selector.json").read_text())
    (folder / "selector.json").write_text(json.dumps(said | {"format_version": 99}))
    with pytest.raises(StoreError, match=r"selector\.json: 'format_version' must be 3; found 99"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        ("decoder/model.safetensors", "model.layers.0.mlp.up_proj.weight"),
        ("encoder/model.safetensors", "embeddings.word_embeddings.weight"),
        ("connector.safetensors", "weight"),
    ],
)
def test_missing_unexpected_and_misshapen_tensors_are_named(
    folder: Path, file: str, tensor: str
) -> None:
    whole = load_file(folder / file)
    save_file(whole | {"surplus": torch.zeros(1)}, folder / file)
    with pytest.raises(StoreError, match=f"{file}: tensor 'surplus' is unexpected"):
        checkpoint.load(folder)
    save_file({name: whole[name] for name in whole if name != tensor}, folder / file)
    with pytest.raises(StoreError, match=f"{file}: tensor '{tensor}' is missing"):
        checkpoint.load(folder)
    save_file(whole | {tensor: whole[tensor][:1].clone()}, folder / file)
    with pytest.raises(StoreError, match=f"{file}: tensor '{tensor}' must be"):
        checkpoint.load(folder)


def test_a_broken_weight_file_is_named(folder: Path) -> None:
    (folder / "decoder/model.safetensors").write_bytes(b"broken")
    with pytest.raises(StoreError, match=r"decoder/model\.safetensors: cannot be read"):
        checkpoint.load(folder)


def test_weights_of_every_variant_are_kept_and_their_lack_is_named(
    tiny_sources: Callable[..., SelectorSettings],
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    variant = {"capability": "tasks", "numeric": True, "head": "regression", "anchor": True}
    model = create(tiny_sources(**variant), Store(str(tmp_path / "store")), seed=0)
    for weight in (model.connector.get_parameter("numeric"), *model.head.parameters()):
        torch.nn.init.normal_(weight)
    folder = tmp_path / "selector"
    checkpoint.save(model, folder)
    cards = [make_card("a", [0.1] * 50), make_card("b", [0.9] * 50)]
    before = Selector(model).scores(QUESTIONS, cards)
    assert np.array_equal(AutoSelector.from_pretrained(folder).scores(QUESTIONS, cards), before)
    expected = json.loads((folder / "tensors.json").read_text())
    assert expected["connector.safetensors"].keys() == {"weight", "numeric", "queries_QE"}
    assert expected["head.safetensors"].keys() == {"anchor", "regression.bias", "regression.weight"}


def test_weights_that_the_settings_ask_for_must_be_there(folder: Path) -> None:
    said = json.loads((folder / "selector.json").read_text())
    for key, value, missing in (
        ("numeric", True, r"connector\.safetensors: tensor 'numeric' is missing"),
        ("anchor", True, r"head\.safetensors"),
    ):
        changed = said | {"settings": said["settings"] | {key: value}}
        (folder / "selector.json").write_text(json.dumps(changed))
        with pytest.raises(StoreError, match=missing):
            checkpoint.load(folder)


def test_a_loaded_selector_is_calibrated(
    model: ModelSat, tmp_path: Path, make_card: Callable[..., CapabilityCard]
) -> None:
    cards = [make_card("a", [0.1] * 50), make_card("b", [0.9] * 50)]
    raw_NM = Selector(model).log_odds(QUESTIONS, cards).numpy()
    for slope, expected_NM in ((2.0, 2 * raw_NM - 1), (-2.0, raw_NM)):  # noise is left aside
        folder = tmp_path / f"slope{slope}"
        checkpoint.save(model, folder, {"calibration": {"slope": slope, "bias": -1.0}})
        found_NM = AutoSelector.from_pretrained(folder).scores(QUESTIONS, cards)
        np.testing.assert_allclose(found_NM, 1 / (1 + np.exp(-expected_NM)), atol=1e-6)
