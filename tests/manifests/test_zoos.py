"""The zoos' models of the hub run on the pinned vLLM and transformers, with no code of theirs."""

import ast
from importlib.util import find_spec
from pathlib import Path

from transformers import CONFIG_MAPPING

from cluster.zoo import VllmEngine, load_zoo

ZOOS = Path(__file__).parents[2] / "manifests" / "zoos"
MODELS = "_TEXT_GENERATION_MODELS"  # of vLLM's registry

# `model_type` and `architectures` of each one's config.json, which no test can ask the hub for.
HUB = {
    "01-ai/Yi-1.5-34B-Chat": ("llama", "LlamaForCausalLM"),
    "HuggingFaceH4/zephyr-7b-alpha": ("mistral", "MistralForCausalLM"),
    "Qwen/Qwen2-72B-Instruct": ("qwen2", "Qwen2ForCausalLM"),
    "Qwen/Qwen2-7B-Instruct": ("qwen2", "Qwen2ForCausalLM"),
    "bigscience/bloomz-3b": ("bloom", "BloomForCausalLM"),
    "internlm/internlm3-8b-instruct": ("internlm3", "InternLM3ForCausalLM"),
    "meta-llama/Meta-Llama-3-70B-Instruct": ("llama", "LlamaForCausalLM"),
    "meta-llama/Meta-Llama-3-8B-Instruct": ("llama", "LlamaForCausalLM"),
    "microsoft/Phi-3-medium-128k-instruct": ("phi3", "Phi3ForCausalLM"),
    "microsoft/Phi-3-mini-128k-instruct": ("phi3", "Phi3ForCausalLM"),
    "microsoft/phi-1": ("phi", "PhiForCausalLM"),
    "mistralai/Mixtral-8x22B-Instruct-v0.1": ("mixtral", "MixtralForCausalLM"),
    "zai-org/glm-4-9b-chat-hf": ("glm", "GlmForCausalLM"),
}


def registered() -> set[str]:
    """What vLLM runs, read off its source: to import it takes longer than all else here."""
    package = find_spec("vllm")
    assert package
    assert package.origin
    source = Path(package.origin).parent / "model_executor" / "models" / "registry.py"
    (models,) = [
        node.value
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == MODELS
    ]
    return set(ast.literal_eval(models))


def test_candidates_from_the_hub_run_as_they_are() -> None:
    engines = [
        candidate.engine for path in ZOOS.glob("*.yaml") for candidate in load_zoo(path).candidates
    ]
    sources = {engine.source for engine in engines if isinstance(engine, VllmEngine)}
    assert HUB.keys() == {source for source in sources if not source.startswith("store://")}
    known = registered()
    assert not [
        source
        for source, (model_type, architecture) in HUB.items()
        if model_type not in CONFIG_MAPPING or architecture not in known
    ]
