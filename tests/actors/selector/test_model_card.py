"""A selector's model card, and selectors that come from a hub."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants as hub
import pytest
import yaml
from huggingface_hub import ModelCard

from actors.selector import checkpoint
from actors.selector.model_card import model_card
from actors.selector.network import create
from actors.selector.scoring import AutoSelector
from cluster.errors import StoreError
from cluster.settings import ItemResponseSettings, SelectorSettings
from cluster.store import Store
from tests.hub import stand_in_hub

TUNED_ON = {
    "zoo": "laptop",
    "candidates": ["one", "other"],
    "test": "abc123",
    "untuned": {"outcomes": 40.0, "auc": 0.5},
    "tuned": {"outcomes": 40.0, "auc": 0.625},
}


@pytest.fixture(scope="module")
def folder(tiny_sources: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("card")
    model = create(tiny_sources(decoder_layers=1), Store(str(place / "store")), seed=0)
    checkpoint.save(model, place / "selector", TUNED_ON)
    return place / "selector"


def front(card: str) -> Any:
    """What stands in a card for machines."""
    return yaml.safe_load(card.split("---")[1])


def test_a_card_says_what_is_known(folder: Path) -> None:
    card = ModelCard.load(folder / "README.md")
    assert front(str(card)) == {  # no licence; the sources are folders of this machine
        "library_name": "model-sat-on-ray",
        "tags": ["model-selection", "llm-routing", "model-sat"],
    }
    for part in ("`laptop`", "`one`, `other`", "`abc123`", "| AUC, mean over candidates | 0.5 |"):
        assert part in card.text
    assert "Made from: encoder, decoder." in card.text
    assert str(folder.parent.parent) not in str(card)


def test_base_models_of_a_hub_are_named() -> None:
    settings = SelectorSettings(encoder="owner/encoder", decoder="store://models/decoder")
    card = ModelCard(model_card(settings, None, {"torch": "2"}))
    assert front(str(card))["base_model"] == ["owner/encoder"]
    assert "Made from: owner/encoder, store://models/decoder." in card.text
    assert "never tuned" in card.text
    assert "## Figures" not in card.text
    fast = ModelCard(model_card(ItemResponseSettings(encoder="owner/encoder"), TUNED_ON, {}))
    assert "item-response" in front(str(fast))["tags"]
    assert "| AUC, mean over candidates | 0.5 | 0.625 |" in fast.text


def test_a_hub_id_is_loaded_from_the_hubs_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--owner--selector"
    shutil.copytree(folder, kept / "snapshots" / "a1")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("a1")
    AutoSelector.from_pretrained("owner/selector")
    with pytest.raises(StoreError) as caught:
        AutoSelector.from_pretrained("owner/absent")
    message = str(caught.value)
    assert message.startswith(
        "selector 'owner/absent': no such folder here, and the hub does not give it: "
    )
    assert "\n" not in message


@pytest.mark.slow
def test_a_hub_id_is_fetched(folder: Path, tmp_path: Path) -> None:
    with stand_in_hub(tmp_path) as hub:
        shutil.copytree(folder, hub.folder / "models" / "owner" / "selector")
        (hub.folder / "models" / "owner" / "selector" / "weights.pkl").write_bytes(b"code")
        ran = hub.run("""
from actors.selector.scoring import AutoSelector
print(type(AutoSelector.from_pretrained("owner/selector")).__name__)
AutoSelector.from_pretrained("owner/absent")
""")
        assert ran.stdout.strip() == "Selector", ran.stderr
        assert "owner/selector/selector.json" in hub.fetched
        assert "owner/selector/weights.pkl" not in hub.fetched
        assert ran.stderr.splitlines()[-1].startswith(
            "cluster.errors.StoreError: selector 'owner/absent': no such folder here, and the hub "
        )


@pytest.mark.parametrize("name", ["absent", "./absent/selector", "a/b/c", Path("owner/absent")])
def test_what_is_no_hub_id_is_a_folder(name: str | Path) -> None:
    with pytest.raises(StoreError, match="no such selector folder"):
        AutoSelector.from_pretrained(name)
