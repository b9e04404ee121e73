"""Tunes MODEL-SAT on a matrix of outcomes in this process, without a cluster.

For measuring it beside other ways of choosing, and for machines that have no Ray. Clusters tune by
``loop``; what is learned, and how, is the same ``course``.
"""

from collections.abc import Sequence

import numpy as np
import torch

from actors.examiner.card import CapabilityCard
from actors.examiner.outcomes import OutcomeMatrix
from actors.selector.network import create
from actors.selector.scoring import Selector
from actors.tuner.course import Course
from actors.tuner.samples import Record, check_cards, teaching
from cluster.errors import SettingsError
from cluster.settings import SelectorSettings, TuningSettings
from cluster.store import Store
from cluster.tables import RIGHT


class ModelSatLearner:
    """A ``Learner`` of MODEL-SAT selectors."""

    def __init__(
        self,
        selector: SelectorSettings,
        tuning: TuningSettings,
        store: Store,
        seed: int = 0,
    ) -> None:
        """``seed`` takes the place of the settings' own.

        Tunes, and scores afterwards, on a GPU if ``tuning`` says so.

        Raises:
            SettingsError: it does, and there is none.
        """
        if tuning.use_gpu and not torch.cuda.is_available():
            raise SettingsError("key 'tuning.use_gpu': it is true, and torch finds no GPU here")
        self._selector, self._store = selector, store
        self._tuning = tuning.model_copy(update={"seed": seed})

    def fit(self, outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> Selector:
        """As ``Learner``; candidates that are always right or always wrong teach nothing.

        Raises:
            StoreError: a source of the networks is not there.
            TableError: a candidate has no card, or as ``teaching`` and ``groups_of``.
        """
        device = "cuda" if self._tuning.use_gpu else "cpu"
        taught = records(outcomes, cards)  # errors before any work
        model = create(self._selector, self._store, self._tuning.seed).to(device)
        for _ in Course(model, taught, self._tuning).steps():
            pass
        model.zero_grad(set_to_none=True)  # they are as large as what learnt
        return Selector(model)


def records(outcomes: OutcomeMatrix, cards: Sequence[CapabilityCard]) -> list[Record]:
    """What each candidate got right and wrong, sorted by id; those with both.

    Raises:
        TableError: a candidate has no card, or as ``teaching``.
    """
    by_id = {card.model_id: card for card in cards}
    check_cards(outcomes.candidates, by_id)
    texts = np.array(outcomes.texts, dtype=object)
    found = []
    for candidate, scores_N in zip(outcomes.candidates, outcomes.scores_NM.T, strict=True):
        right = texts[scores_N >= RIGHT].tolist()
        wrong = texts[scores_N < RIGHT].tolist()  # neither holds what was not asked
        found.append(Record(by_id[candidate], right, wrong))
    return teaching(sorted(found, key=lambda record: record.card.model_id))
