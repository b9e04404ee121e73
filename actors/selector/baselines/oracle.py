"""The true outcomes as scores: what no selector can beat."""

import numpy as np

from actors.examiner.card import CapabilityCard
from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.unfitted import Unfitted
from cluster.errors import TableError


@baseline("oracle")
def oracle(context: Context) -> Unfitted:
    """Scores a candidate with what it scored; with 0 where it was not asked.

    Of a text that was asked twice, with the mean: more is not to be had from the text.
    """
    asked = context.asked
    columns = {model_id: column for column, model_id in enumerate(asked.candidates)}
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(asked.texts):
        rows.setdefault(text, []).append(row)

    def score(instruction: str, card: CapabilityCard) -> float:
        if instruction not in rows:
            raise TableError(f"oracle: no question asked reads '{instruction[:60]}'")
        if card.model_id not in columns:
            raise TableError(
                f"oracle: candidate '{card.model_id}' was asked nothing; there are: "
                f"{', '.join(columns)}"
            )
        scores = asked.scores_NM[rows[instruction], columns[card.model_id]]
        known = scores[~np.isnan(scores)]
        return float(known.mean()) if len(known) else 0.0

    return Unfitted(score)
