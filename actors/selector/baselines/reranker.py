"""Re-rankers that read an instruction and an answer together (paper: Table 1, Cappy).

Any cross-encoder with one output serves, as a folder or hub id with safetensors.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.written import Pair, Written, source
from actors.selector.network import SAFE


@baseline("reranker", "reranker", None, torch.nn.Sigmoid())
@baseline("bge-reranker", "bge-reranker", "BAAI/bge-reranker-large", torch.nn.Sigmoid())
# Cappy regresses a score that lies in [0, 1] as it is.
@baseline("cappy", "cappy", "btan2/cappy-large", torch.nn.Identity())
def reranker(
    context: Context, name: str, usual: str | None, to_probability: torch.nn.Module
) -> Written:
    """Scores with the cross-encoder's output, made a probability."""
    encoder = CrossEncoder(
        source(context, name, usual),
        num_labels=1,
        device=context.device,
        trust_remote_code=False,
        model_kwargs=SAFE,
    )

    def rate(pairs: list[Pair]) -> NDArray[np.floating]:
        return np.asarray(
            encoder.predict(pairs, activation_fn=to_probability, show_progress_bar=False)
        )

    return Written(context.outputs(), rate)
