"""Policies: from scores, prices and latencies to a choice. Pure functions, no Ray, no tensors.

Scores are P('Yes') by candidate id; prices are US dollars per million tokens by candidate id, one
figure each (``actors.router.rules`` blends them); latencies are expected seconds until an answer
begins, under the load there is (``actors.router.latency`` measures them). Ties go to the id that
sorts first, so that the order of candidates means nothing.
"""

from collections.abc import Mapping

from cluster.settings import (
    CheapestAbovePolicy,
    LatencyCapPolicy,
    Policy,
    PolicyKind,
    ValuePolicy,
)

READS_PRICES: frozenset[PolicyKind] = frozenset({"value", "cheapest-above"})


def choose(
    policy: Policy,
    scores: Mapping[str, float],
    prices: Mapping[str, float],
    latencies: Mapping[str, float],
) -> str:
    """The candidate of ``scores`` that ``policy`` chooses.

    ``prices`` and ``latencies`` hold what the policy reads; a latency that is not there is not
    known yet, and counts as none.
    """
    match policy:
        case ValuePolicy():
            return value(scores, prices, policy.weight)
        case CheapestAbovePolicy():
            return cheapest_above(scores, prices, policy.threshold)
        case LatencyCapPolicy():
            return latency_cap(scores, latencies, policy.seconds)
        case _:
            return best_quality(scores)


def best_quality(scores: Mapping[str, float]) -> str:
    """The candidate with the highest score (paper: Performance Inquiry Prompts)."""
    assert scores, "a zoo has at least one candidate"
    return min(scores, key=lambda id: (-scores[id], id))


def value(scores: Mapping[str, float], prices: Mapping[str, float], weight: float) -> str:
    """The candidate with the highest score minus price x weight."""
    return best_quality({id: score - weight * prices[id] for id, score in scores.items()})


def cheapest_above(
    scores: Mapping[str, float], prices: Mapping[str, float], threshold: float
) -> str:
    """The cheapest candidate whose score is at least ``threshold``; where none is, the best.

    Of several that cost the same the highest score wins.
    """
    reaching = [id for id, score in scores.items() if score >= threshold]
    if not reaching:
        return best_quality(scores)
    return min(reaching, key=lambda id: (prices[id], -scores[id], id))


def latency_cap(scores: Mapping[str, float], latencies: Mapping[str, float], seconds: float) -> str:
    """The best candidate that begins to answer within ``seconds``; where none does, the soonest.

    One whose latency is not known counts as soon enough: it would never be known otherwise.
    """
    soon = {id: score for id, score in scores.items() if latencies.get(id, 0.0) <= seconds}
    if soon:
        return best_quality(soon)
    return min(scores, key=lambda id: (latencies[id], -scores[id], id))
