"""A selector on disk: one folder that says all about itself and loads without its sources.

    README.md                model card, for people and hubs
    selector.json            format, kind, settings, what it was tuned on, library versions
    tensors.json             the tensors that each safetensors file must hold, with their shapes
    encoder/                 capability encoder, as SentenceTransformer saves it
    decoder/                 decoder and its tokenizer, as transformers saves them
    connector.safetensors    W of eq. 2, and what ``capability`` and ``numeric`` add to it
    head.safetensors         weights of ``head`` and ``anchor``, where the settings ask for them

The fast selector (kind ``item-response``) has an ``encoder/`` and no decoder, and besides

    items.safetensors        what tuning found (``ItemParameters``)
    names.json               aptitude test; core tasks and digests of cards, as the tensors' rows

A folder is written beside its place and renamed, so it is whole or not there. It holds JSON, text
and safetensors, never a pickle. Where folders lie in a store is ``cluster.store``'s business; the
network itself is ``network``'s.
"""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from actors.selector.item_response import ItemParameters, ItemResponse
from actors.selector.layers import LayerPool
from actors.selector.model_card import model_card
from actors.selector.network import SAFE, ModelSat
from cluster.errors import StoreError
from cluster.settings import ItemResponseSettings, SelectorSettings, validated
from cluster.store import whole_folder

FORMAT_VERSION = 3
KINDS = ("model-sat", "item-response")
_ABOUT = "selector.json"
_CARD = "README.md"
_TENSORS = "tensors.json"
_ITEMS = "items.safetensors"
_NAMES = "names.json"
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "safetensors")


def save(
    model: ModelSat | ItemResponse, folder: str | Path, tuned_on: dict[str, Any] | None = None
) -> None:
    """Writes a selector, replacing one that lies there.

    Args:
        model: a MODEL-SAT network or a fast selector.
        folder: where it shall lie.
        tuned_on: zoo, candidates, ``test`` (the hash of the aptitude test) and figures;
            None if it was never tuned.
    """
    with whole_folder(Path(folder)) as aside:
        _write(model, aside, tuned_on)


def load(folder: str | Path) -> ModelSat | ItemResponse:
    """The network or the fast selector of a folder, on the CPU.

    Raises:
        StoreError: the folder or a file is missing, of another format, or a file holds other
            tensors than it was written with. The message names the file.
    """
    place = Path(folder)
    said = about(place)
    for name, tensors in _read_json(place / _TENSORS).items():
        _check_tensors(place / name, tensors)
    encoder = SentenceTransformer(
        str(place / "encoder"),
        device="cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs=SAFE,
    )
    load_kind = _load_model_sat if said["kind"] == ModelSat.kind else _load_item_response
    return load_kind(place, encoder, said["settings"])


def _load_model_sat(place: Path, encoder: SentenceTransformer, said: dict[str, Any]) -> ModelSat:
    settings = validated(SelectorSettings, said, str(place / _ABOUT))
    offline = {"trust_remote_code": False, "local_files_only": True}
    decoder = AutoModelForCausalLM.from_pretrained(place / "decoder", **offline, **SAFE)
    tokenizer = AutoTokenizer.from_pretrained(place / "decoder", **offline)
    model = ModelSat(encoder, decoder, tokenizer, settings)
    for file, part in _own_files(model, place).items():
        _check_tensors(file, {name: list(w.shape) for name, w in part.state_dict().items()})
        part.load_state_dict(load_file(file))
    return model


def _load_item_response(
    place: Path, encoder: SentenceTransformer, said: dict[str, Any]
) -> ItemResponse:
    settings = validated(ItemResponseSettings, said, str(place / _ABOUT))
    names = _read_json(place / _NAMES)
    return ItemResponse(
        LayerPool(encoder, settings.layers, settings.max_instruction_tokens, settings.precision),
        settings,
        ItemParameters(**load_arrays(place / _ITEMS)),
        names["test"],
        names["tasks"],
        names["known"],
    )


def about(folder: str | Path) -> dict[str, Any]:
    """What ``selector.json`` says. Raises StoreError if it is missing or of another format."""
    file = Path(folder) / _ABOUT
    if not Path(folder).is_dir():
        raise StoreError(f"{folder}: no such selector folder")
    found: dict[str, Any] = _read_json(file)
    for key, allowed in (("format_version", (FORMAT_VERSION,)), ("kind", KINDS)):
        if found.get(key) not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise StoreError(f"{file}: '{key}' must be {expected}; found {found.get(key)!r}")
    return found


def tuned_test(folder: str | Path) -> str:
    """The hash of the aptitude test whose cards a selector was tuned with.

    Raises:
        StoreError: as ``about``; or the selector was never tuned.
    """
    tuned_on = about(folder)["tuned_on"]
    if tuned_on is None:
        raise StoreError(f"{Path(folder) / _ABOUT}: the selector was never tuned, it has no test")
    return str(tuned_on["test"])


def _write(model: ModelSat | ItemResponse, folder: Path, tuned_on: dict[str, Any] | None) -> None:
    model.encoder.save(str(folder / "encoder"), create_model_card=False)
    if isinstance(model, ModelSat):
        _write_model_sat(model, folder)
    else:
        _write_json(
            folder / _NAMES, {"test": model.test, "tasks": model.tasks, "known": model.known}
        )
        save_arrays(asdict(model.parameters), folder / _ITEMS)
    files = sorted(folder.rglob("*.safetensors"))
    _write_json(folder / _TENSORS, {str(file.relative_to(folder)): _shapes(file) for file in files})
    libraries = {name: version(name) for name in _LIBRARIES}
    said = {
        "format_version": FORMAT_VERSION,
        "kind": model.kind,
        "settings": model.settings.model_dump(),
        "tuned_on": tuned_on,
        "libraries": libraries,
    }
    _write_json(folder / _ABOUT, said)
    card = model_card(model.settings, tuned_on, libraries)
    (folder / _CARD).write_text(card, encoding="utf-8")


def _write_model_sat(model: ModelSat, folder: Path) -> None:
    model.decoder.save_pretrained(folder / "decoder")
    model.inquiry.tokenizer.save_pretrained(folder / "decoder")
    for file, part in _own_files(model, folder).items():
        save_file({name: w.contiguous() for name, w in part.state_dict().items()}, file)


def _own_files(model: ModelSat, folder: Path) -> dict[Path, nn.Module]:
    """The file of each part that has weights and comes from no source."""
    return {
        folder / f"{name}.safetensors": part
        for name, part in model.own_parts().items()
        if part.state_dict()
    }


def _check_tensors(file: Path, expected: dict[str, list[int]]) -> None:
    found = _shapes(file)
    for name in sorted(expected.keys() - found.keys()):
        raise StoreError(f"{file}: tensor '{name}' is missing")
    for name in sorted(found.keys() - expected.keys()):
        raise StoreError(f"{file}: tensor '{name}' is unexpected")
    for name, shape in expected.items():
        if found[name] != shape:
            raise StoreError(f"{file}: tensor '{name}' must be {shape}; found {found[name]}")


def _shapes(file: Path) -> dict[str, list[int]]:
    """Names and shapes from the header of a safetensors file; no tensor is read."""
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tensors.get_slice(name).get_shape() for name in sorted(tensors.keys())}
    except Exception as error:  # safetensors has no public base class for its errors
        raise StoreError(f"{file}: cannot be read: {error}") from error


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{file}: no such file") from error
    except ValueError as error:
        raise StoreError(f"{file}: is no JSON: {error}") from error


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
