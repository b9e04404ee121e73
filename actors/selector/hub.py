"""Selectors on a model hub: the folder that one lies in, fetched where it has to be."""

from pathlib import Path

from huggingface_hub import snapshot_download

from actors.selector.model_card import on_hub
from cluster.errors import StoreError

# What ``checkpoint`` and the libraries it asks read: no pickle, no code.
FILES = [
    *("*.json", "*.safetensors", "*.txt", "*.jinja", "README.md"),
    *("*tokenizer.model", "*.bpe.model", "*spiece.model"),  # SentencePiece's
]


def selector_folder(name: str | Path) -> Path:
    """The folder itself, or that of a hub id, ``OWNER/NAME``, in the hub's cache.

    A ``Path`` is always a folder.

    Raises:
        StoreError: a name is no folder, and the hub does not give it.
    """
    if not isinstance(name, str) or not on_hub(name):
        return Path(name)
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except OSError as error:  # the hub's errors are such, and what a network fails with
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise StoreError(
            f"selector '{name}': no such folder here, and the hub does not give it: {reason}"
        ) from error
