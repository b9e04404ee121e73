"""Policies: from the candidates' scores to a choice. Pure functions, no Ray, no tensors."""

from collections.abc import Mapping


def best_quality(scores: Mapping[str, float]) -> str:
    """The candidate with the highest score (paper: Performance Inquiry Prompts).

    Equal scores go to the id that sorts first, so that the order of candidates means nothing.
    """
    assert scores, "a zoo has at least one candidate"
    return min(scores, key=lambda model_id: (-scores[model_id], model_id))
