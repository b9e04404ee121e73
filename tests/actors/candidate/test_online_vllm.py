"""A real model behind Ray's OpenAI application."""

from typing import Any

import openai
import pytest

from actors.candidate.online import llm_config
from cluster.store import Store
from cluster.zoo import Candidate


@pytest.mark.slow
@pytest.mark.vllm
def test_a_real_model_is_served(ray_cluster: None, port: int, laptop_models: Store) -> None:
    from ray import serve
    from ray.serve.llm import build_openai_app

    args = {"dtype": "float32", "enforce_eager": True, "max_model_len": 256}
    engine = {"kind": "vllm", "source": "store://models/gemma-3-270m", "args": args}
    candidate = Candidate.model_validate({"id": "g", "engine": engine, "resources": {"cpus": 2}})
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(build_openai_app({"llm_configs": [llm_config(candidate, laptop_models)]}))
    try:
        asked = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", timeout=300)
        question: Any = [{"role": "user", "content": "What is the capital of France?"}]
        reply = asked.chat.completions.create(
            model="g", messages=question, max_tokens=12, temperature=0
        )
    finally:
        serve.shutdown()
    answer = reply.choices[0]
    assert "Paris" in str(answer.message.content)
    # The base model stops where its answer does, not at max_tokens.
    assert answer.finish_reason == "stop"
    assert reply.usage is not None
    # As many as in a batch: the same template, and bos once.
    assert reply.usage.prompt_tokens == 13
