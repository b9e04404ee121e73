"""Matrix factorisation as in EmbedLLM (Zhuang et al. 2024): Pr('Yes') = sigmoid(v_m . W e + b_m).

EmbedLLM weighs the products of v_m and W e once more in a linear layer; here v_m holds that weight.
As there, embeddings are learned from with noise. Gaps are left out of the loss.

The settings are not EmbedLLM's: its published code learns 232 factors with noise 0.05 and a weight
decay of 1e-5 in Adam for 50 epochs. Here there are fewer factors and far stronger regularisation.
On RouterDC's questions of no test part, three seeds, these give +0.8 points over the best single
model, those +0.4 (standard errors 0.1 and 0.4; 16 clusters +1.8).

Shapes: N questions, M candidates, E width of an embedding, K factors, B questions of a batch.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.seen import Floats, PredictFeatures, Seen, on_embeddings

FACTORS = 32
NOISE = 0.1  # standard deviation, on embeddings of length 1
EPOCHS = 40
BATCH = 64
RATE = 3e-3
DECAY = 0.3


@baseline("factorisation")
def factorisation(context: Context) -> Seen:
    """Candidates share W, so that each is learned with the help of the others."""

    def learn(features_NE: Floats, scores_NM: Floats) -> PredictFeatures:
        generator = torch.Generator().manual_seed(context.seed)
        model = _Factors(features_NE.shape[1], scores_NM.shape[1], generator)
        features = torch.from_numpy(features_NE.astype(np.float32))
        _train(model, features, torch.from_numpy(scores_NM.astype(np.float32)), generator)
        return model.predict

    return on_embeddings(context.embed, learn)


class _Factors(nn.Module):
    def __init__(self, width: int, candidates: int, generator: torch.Generator) -> None:
        super().__init__()
        draw = torch.randn(FACTORS, width + candidates, generator=generator)
        self.project_KE = nn.Parameter(draw[:, :width].clone())
        self.candidates_KM = nn.Parameter(draw[:, width:] / FACTORS)
        self.level_M = nn.Parameter(torch.zeros(candidates))

    def forward(self, features_BE: Tensor) -> Tensor:
        """Log-odds ``[B, M]``."""
        return features_BE @ self.project_KE.T @ self.candidates_KM + self.level_M

    @torch.no_grad()
    def predict(self, features_NE: Floats) -> Floats:
        """Pr('Yes') ``[N, M]``."""
        features = torch.from_numpy(features_NE.astype(np.float32))
        return np.asarray(torch.sigmoid(self(features)).numpy())


def _train(
    model: _Factors, features_NE: Tensor, scores_NM: Tensor, generator: torch.Generator
) -> None:
    optimizer = torch.optim.AdamW(
        [
            {"params": [model.project_KE, model.candidates_KM], "weight_decay": DECAY},
            {"params": [model.level_M], "weight_decay": 0.0},
        ],
        lr=RATE,
    )
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(features_NE), generator=generator), BATCH):
            noise = NOISE * torch.randn(len(rows), features_NE.shape[1], generator=generator)
            log_odds_BM = model(features_NE[rows] + noise)
            asked_BM = ~scores_NM[rows].isnan()
            loss = binary_cross_entropy_with_logits(
                log_odds_BM[asked_BM], scores_NM[rows][asked_BM]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
