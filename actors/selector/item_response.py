"""The fast selector: item response theory on one pass of a sentence encoder, without a decoder.

    Pr('Yes') = g(c) + a(x) . theta(c) + t(x) . delta(c), bent at the ends to stay within [0, 1]

a(x) says what an instruction asks for, theta(c) what a candidate is good at, g(c) how good it is
overall. t(x) says which core task an instruction is taken to be of, delta(c) how far a candidate's
accuracy in that task strays from what its abilities explain. a(x) and t(x) are kernel expansions
over the encoder's layers, the same for all candidates, so that an instruction costs one pass
however many candidates there are. g(c), theta(c) and delta(c) are read off a capability card: of
all abilities, those that explain its accuracies best (``ability``), given how abilities are spread
among the candidates it was tuned on and how much chance there is in an exam of so few questions.
So the level of a candidate is anchored in its accuracies, and a candidate that joins later is no
different from the others.

The scale is that of probabilities, not of log-odds: everything is solved in closed form, and it
chose as well in our trials. Tuning is ``actors.tuner.item_response``'s business.

Shapes: N instructions, M candidates, K dimensions of ability, R landmarks, F features of a text
(layers x width), T core tasks, S = T+1.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import is_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sentence_transformers import SentenceTransformer

from actors.examiner.card import CapabilityCard
from actors.selector.layers import LayerPool
from actors.selector.network import SAFE
from cluster.settings import ItemResponseSettings
from cluster.store import Store, model_source

Floats = NDArray[np.float32]
# Levels [M], strengths [M, K] and strays [M, T] of candidates.
Abilities = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

_BEND = 0.05


class Ability(NamedTuple):
    """What a candidate can do: level g, strengths theta ``[K]``, strays delta ``[T]``."""

    level: float
    strengths: NDArray[np.float64]
    strays: NDArray[np.float64]


@dataclass(frozen=True)
class ItemParameters:
    """All that tuning finds; arrays only, as they lie in a checkpoint."""

    mean: Floats  # [F] of features
    scale: Floats  # [F] of features
    gamma: Floats  # [1] width of the kernel
    landmarks: Floats  # [R, F] standardised features of some past instructions
    weights: Floats  # [R, K] from the kernel to a(x)
    offset: Floats  # [K]
    profiles: Floats  # [T, K] mean a(x) of the instructions of a core task
    task_weights: Floats  # [R, T+1] from the kernel to log-odds of a core task; the last: of none
    task_offset: Floats  # [T+1]
    prior_mean: Floats  # [K] of strengths
    prior_covariance: Floats  # [K, K] of strengths
    task_variance: Floats  # [1] of accuracies around what abilities explain, of who joins
    exam_ease: Floats  # [T] how much easier the test's questions are than others of their task
    known: Floats  # [M, 1+K+T] abilities of the candidates that were tuned on

    @cached_property
    def lengths(self) -> Floats:
        """Squared lengths of the landmarks, ``[R]``."""
        found: Floats = (self.landmarks**2).sum(1)
        return found


class ItemResponse:
    """A tuned fast selector behind ``Scorer``."""

    kind = "item-response"

    def __init__(
        self,
        pool: LayerPool,
        settings: ItemResponseSettings,
        parameters: ItemParameters,
        test: str,
        tasks: Sequence[str],
        known: Sequence[str],
    ) -> None:
        """All that a tuned selector is made of.

        Args:
            pool: layers of the encoder that it was tuned with.
            settings: that it was tuned with.
            parameters: what tuning found.
            test: the aptitude test whose cards it was tuned with.
            tasks: names of the core tasks, in the order of ``parameters.profiles``.
            known: digests of the cards of the candidates tuned on, as ``parameters.known``.
        """
        self.pool = pool
        self.settings = settings
        self.parameters = parameters
        self.test = test
        self.tasks = list(tasks)
        self.known = list(known)
        self._place = {task: place for place, task in enumerate(self.tasks)}
        dimensions = len(parameters.offset)
        self._abilities = {
            digest: Ability(float(row[0]), row[1 : 1 + dimensions], row[1 + dimensions :])
            for digest, row in zip(self.known, parameters.known.astype(np.float64), strict=True)
        }
        self._last: tuple[list[CapabilityCard], Abilities] | None = None

    def scores(
        self, instructions: Sequence[str], cards: Sequence[CapabilityCard]
    ) -> NDArray[np.float32]:
        """As ``Scorer``: Pr('Yes') ``[N, M]`` in [0, 1], calibrated as far as the outcomes were."""
        levels_M, strengths_MK, strays_MT = self._all_abilities(cards)
        kernel_NR = kernel(self.pool(instructions), self.parameters)
        explained_NM = levels_M + demands(kernel_NR, self.parameters) @ strengths_MK.T
        strays_NM = recognised(kernel_NR, self.parameters) @ strays_MT.T
        return within_bounds(explained_NM + strays_NM).astype(np.float32)

    @property
    def encoder(self) -> SentenceTransformer:
        """The encoder of its pool."""
        return self.pool.encoder

    def _all_abilities(self, cards: Sequence[CapabilityCard]) -> Abilities:
        """Of these cards; kept for the next call, which is about the same ones nearly always."""
        last = self._last  # taken once: another thread may put its own there
        if last and len(last[0]) == len(cards) and all(map(is_, last[0], cards)):
            return last[1]
        abilities = [self.ability(card) for card in cards]
        found = (
            np.array([ability.level for ability in abilities]),
            np.array([ability.strengths for ability in abilities]),
            np.array([ability.strays for ability in abilities]),
        )
        self._last = list(cards), found
        return found

    def ability(self, card: CapabilityCard) -> Ability:
        """g(c), theta(c), delta(c): of a candidate that was tuned on, as its outcomes said."""
        digest = card_digest(card)
        if digest not in self._abilities:
            with_notes = _digest(card, card.lines())  # so selectors were tuned before 2026-12
            known = self._abilities.get(with_notes)
            self._abilities[digest] = known or self._read_off(card)
        return self._abilities[digest]

    def _read_off(self, card: CapabilityCard) -> Ability:
        """The most likely ability given a card: Bayesian linear regression over its tasks.

        Of a card of another test only the level is read, which is its mean accuracy: its questions
        are not those that the core tasks' profiles were measured on, and strengths read off them
        misled (CONTRIBUTING, Decisions). The candidate gets the strengths of most.
        """
        found = self.parameters
        prior_K = found.prior_mean.astype(np.float64)
        strays_T = np.zeros(len(self.tasks))
        results = [result for result in card.tasks if result.task in self._place]
        mean = card.mean_accuracy()
        if card.test != self.test or not results:
            return Ability(mean, prior_K, strays_T)
        places = [self._place[result.task] for result in results]
        profiles_TK = found.profiles[places]
        accuracy_T = np.array([result.accuracy for result in results]) - found.exam_ease[places]
        chance_T = np.array([(mean * (1 - mean) + 0.01) / result.count for result in results])
        weight_T = 1 / (chance_T + found.task_variance[0])
        design_TJ = np.column_stack([np.ones(len(results)), profiles_TK])
        precision_JJ = np.zeros((len(prior_K) + 1,) * 2)  # nothing is known of the level before
        precision_JJ[1:, 1:] = np.linalg.inv(found.prior_covariance.astype(np.float64))
        prior_J = np.concatenate([[0.0], prior_K])
        weighted_JT = design_TJ.T * weight_T
        solution_J = np.linalg.solve(
            precision_JJ + weighted_JT @ design_TJ,
            precision_JJ @ prior_J + weighted_JT @ accuracy_T,
        )
        # Of what is left, so much as is not chance.
        strays_T[places] = found.task_variance[0] * weight_T * (accuracy_T - design_TJ @ solution_J)
        return Ability(float(solution_J[0]), solution_J[1:], strays_T)


def kernel(pooled_NLE: Floats, parameters: ItemParameters) -> Floats:
    """How like the landmarks instructions are, ``[N, R]``, from their pooled layers."""
    features_NF = standardised(pooled_NLE, parameters.mean, parameters.scale)
    # As scikit-learn's rbf_kernel, but in float32: several times faster for one instruction.
    lengths_N1 = (features_NF**2).sum(1, keepdims=True)
    products_NR = features_NF @ parameters.landmarks.T
    distances_NR = np.maximum(lengths_N1 + parameters.lengths - 2 * products_NR, 0)
    found: Floats = np.exp(-parameters.gamma * distances_NR, dtype=np.float32)
    return found


def demands(kernel_NR: Floats, parameters: ItemParameters) -> Floats:
    """a(x) ``[N, K]``."""
    found: Floats = kernel_NR @ parameters.weights - parameters.offset
    return found


def recognised(kernel_NR: Floats, parameters: ItemParameters) -> Floats:
    """t(x) ``[N, T]``: how probable each core task is; rows sum to 1 less the chance of none."""
    log_odds_NS = kernel_NR @ parameters.task_weights + parameters.task_offset
    found: Floats = softmax(log_odds_NS, axis=1)[:, :-1]
    return found


def within_bounds(linear_NM: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values as they are; those near or beyond 0 and 1 are bent, so that none leaves (0, 1).

    Cut off instead, candidates above 1 would be equal, and the choice between them chance.
    """
    low_NM = _BEND * np.exp(np.minimum(linear_NM / _BEND - 1, 0))
    high_NM = _BEND * np.exp(np.minimum((1 - linear_NM) / _BEND - 1, 0))
    bent_NM = np.where(linear_NM < _BEND, low_NM, linear_NM)
    found: NDArray[np.float64] = np.where(linear_NM > 1 - _BEND, 1 - high_NM, bent_NM)
    return found


def standardised(pooled_NLE: Floats, mean_F: Floats, scale_F: Floats) -> Floats:
    """Features ``[N, F]`` of mean 0 and spread 1 over the instructions tuned on."""
    found: Floats = (pooled_NLE.reshape(len(pooled_NLE), -1) - mean_F) / scale_F
    return found


def card_digest(card: CapabilityCard) -> str:
    """What names a card: changes with the candidate and with what is said of its tasks.

    Accuracies are said in whole percent: those that round alike are one. Notes are not read here.
    """
    return _digest(card, [result.line() for result in card.tasks])


def _digest(card: CapabilityCard, lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([card.model_id, *lines]).encode()).hexdigest()


def pool_of(settings: ItemResponseSettings, store: Store, device: str = "cpu") -> LayerPool:
    """The layers that the settings name. Raises StoreError if the encoder is not there."""
    encoder = SentenceTransformer(
        model_source(settings.encoder, store),
        device=device,
        trust_remote_code=False,
        model_kwargs=SAFE,
    )
    return LayerPool(encoder, settings.layers, settings.max_instruction_tokens, settings.precision)
