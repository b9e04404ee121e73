"""Re-rankers that embed an instruction and an answer apart (paper: Table 1, BGE and GTE).

Any sentence encoder serves, as a folder or hub id with safetensors. The paper's larger GTE needs
code from the hub, which is never run here.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from actors.selector.baselines.embedding import SentenceEmbedder
from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.written import Pair, Written, source


@baseline("embedding-reranker", "embedding-reranker", None)
@baseline("bge", "bge", "BAAI/bge-large-en-v1.5")
@baseline("gte", "gte", "thenlper/gte-large")
def embedding_reranker(context: Context, name: str, usual: str | None) -> Written:
    """Scores with the cosine of the two embeddings, moved from [-1, 1] to [0, 1]."""
    embed = SentenceEmbedder(source(context, name, usual), context.device)

    def rate(pairs: list[Pair]) -> NDArray[np.floating]:
        instructions, answers = zip(*pairs, strict=True)
        products = normalize(embed(instructions)) * normalize(embed(answers))
        return np.asarray((1 + products.sum(axis=1)) / 2)

    return Written(context.outputs(), rate)
