"""The candidate with the best mean on its card: best single without any outcomes."""

from actors.selector.baselines.registry import Context, baseline
from actors.selector.baselines.unfitted import Unfitted


@baseline("best-aptitude")
def best_aptitude(context: Context) -> Unfitted:
    """Scores a candidate with the mean accuracy on its card, whatever the instruction."""
    return Unfitted(lambda instruction, card: card.mean_accuracy())
