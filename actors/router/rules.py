"""The rules of a choice: the operator's, what a request may ask within them, and what came of it.

Owns who may be chosen, what each costs, and what comes before and after the policy: filters,
escalation, conversations. How a policy weighs scores and prices is ``actors.router.policy``'s
business; who is up is told by the caller. No Ray here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from pydantic import Field

from actors.router.policy import READS_PRICES, choose
from cluster.errors import SettingsError, UserError
from cluster.settings import EscalationSettings, Policy, PolicyKind, RouterSettings, Section
from cluster.zoo import Candidate, Price, Zoo

# No tokenizer of a candidate is here. Text has fewer bytes a token than this, nearly always: what
# is turned away by it does not fit. What does not fit all the same, the candidate refuses itself.
_BYTES_A_TOKEN = 6
_NOTHING: Mapping[str, Any] = MappingProxyType({})

Why: TypeAlias = Literal["policy", "aptitude", "conversation", "escalation", "fallback"]
_ESCALATION: Why = "escalation"


class Wish(Section):
    """What a request may ask of the choice, in its object ``model_sat``."""

    policy: Policy | None = None
    candidates: tuple[str, ...] | None = Field(None, min_length=1)
    stay_with: str | None = Field(None, description="who answered this conversation so far")


@dataclass(frozen=True)
class Choice:
    """Which candidate answers, and why.

    Attributes:
        candidate: its id.
        score: its P('Yes'); None of an escalation candidate that no selector knows.
        policy: what chose.
        scores: of the candidates it chose among, by id.
        why: what decided in the end: the policy, or what came before or after it. ``aptitude``:
            no selector answered, scores are the cards' mean accuracies.
        passed_over: by id, why candidates that came before this one do not answer.
        selector: which one gave the scores.
    """

    candidate: str
    score: float | None
    policy: PolicyKind
    scores: Mapping[str, float]
    why: Why = "policy"
    passed_over: Mapping[str, str] = field(default_factory=dict)
    selector: str | None = None


@dataclass(frozen=True)
class Rules:
    """How a candidate is chosen.

    Attributes:
        policy: the operator's, or the one a request asked for.
        candidates: ids that may be chosen.
        prices: by id, US dollars per million tokens; empty if no allowed policy reads them.
        windows: by id, tokens that prompt and answer may have; ids without a limit are not there.
        allow_policies: kinds of policies that a request may ask for.
        escalation: who answers where no score reaches the floor.
        margin: how much better another candidate must be for a conversation to leave its own;
            None: every turn is chosen for itself.
    """

    policy: Policy
    candidates: tuple[str, ...]
    prices: Mapping[str, float] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)
    allow_policies: tuple[PolicyKind, ...] = ()
    escalation: EscalationSettings | None = None
    margin: float | None = None

    def answering(self) -> list[str]:
        """Ids of all who may have to answer."""
        more = [self.escalation.candidate] if self.escalation else []
        return list(dict.fromkeys([*self.candidates, *more]))

    def within(self, wish: Wish) -> "Rules":
        """These rules as a request narrows them.

        Raises:
            UserError: the request asks for a policy or a candidate that is not allowed.
        """
        if wish.policy is not None and wish.policy.kind not in self.allow_policies:
            raise UserError(
                f"model_sat.policy: '{wish.policy.kind}' may not be asked for; "
                f"allowed: {', '.join(self.allow_policies) or 'none'}"
            )
        if unknown := sorted(set(wish.candidates or ()) - set(self.candidates)):
            raise UserError(
                f"model_sat.candidates: {', '.join(unknown)} may not be chosen; "
                f"allowed: {', '.join(sorted(self.candidates))}"
            )
        return replace(
            self,
            policy=wish.policy or self.policy,
            candidates=wish.candidates or self.candidates,
            # Who asks for certain candidates gets none besides.
            escalation=None if wish.candidates else self.escalation,
        )

    def too_long(self, text_bytes: int, answer_tokens: int) -> dict[str, str]:
        """Candidates whose context window an instruction of that size exceeds, and what to say."""
        least = text_bytes // _BYTES_A_TOKEN + answer_tokens
        return {
            id: f"its context window has {window} tokens"
            for id, window in self.windows.items()
            if least > window
        }

    def choice(
        self,
        scores: Mapping[str, float],
        latencies: Mapping[str, float] = _NOTHING,
        stay_with: str | None = None,
        passed_over: Mapping[str, str] = _NOTHING,
    ) -> Choice | None:
        """The choice among the candidates that have a score; None where none is left.

        Args:
            scores: P('Yes') by id, of all candidates or more.
            latencies: expected seconds by id, as policies read them.
            stay_with: the candidate that a conversation is with.
            passed_over: by id, why a candidate cannot be chosen.
        """
        there = {id: scores[id] for id in self.candidates if id in scores}
        among = {id: score for id, score in there.items() if id not in passed_over}
        chosen, why = self._escalated(among, passed_over), _ESCALATION
        if chosen is None:
            if not among:
                return None
            chosen, why = self._by_policy(among, latencies, stay_with)
        return Choice(chosen, scores.get(chosen), self.policy.kind, there, why, dict(passed_over))

    def fitting(self, scores: Mapping[str, float], text: str, answer_tokens: int) -> Choice:
        """The choice among all, in whose context windows an instruction fits if it fits in any."""
        too_long = self.too_long(len(text.encode()), answer_tokens)
        choice = self.choice(scores, passed_over=too_long) or self.choice(scores)
        assert choice, "every candidate has a score"
        return choice

    def _escalated(self, among: Mapping[str, float], passed_over: Mapping[str, str]) -> str | None:
        if self.escalation is None or self.escalation.candidate in passed_over:
            return None
        unlikely = max(among.values(), default=0.0) < self.escalation.floor
        return self.escalation.candidate if unlikely else None

    def _by_policy(
        self, among: Mapping[str, float], latencies: Mapping[str, float], stay_with: str | None
    ) -> tuple[str, Why]:
        chosen = choose(self.policy, among, self.prices, latencies)
        if self.margin is None or stay_with is None or stay_with not in among:
            return chosen, "policy"
        if stay_with == chosen or among[chosen] - among[stay_with] > self.margin:
            return chosen, "policy"
        return stay_with, "conversation"


def operator_rules(zoo: Zoo, router: RouterSettings) -> Rules:
    """The rules that the settings and the zoo make.

    Raises:
        SettingsError: a candidate is not in the zoo, or lacks a price that a policy reads.
    """
    escalation = router.escalation
    if escalation and escalation.candidate not in zoo.ids():
        raise SettingsError(
            f"key 'router.escalation.candidate': zoo '{zoo.name}' has no "
            f"{escalation.candidate}; it has: {', '.join(zoo.ids())}"
        )
    candidates = _eligible(zoo, router)
    priced = READS_PRICES & {router.policy.kind, *router.allow_policies}
    windows = {candidate.id: candidate.window() for candidate in zoo.candidates}
    return Rules(
        policy=router.policy,
        candidates=tuple(candidate.id for candidate in candidates),
        prices=_prices(candidates, router.output_share) if priced else {},
        windows={id: window for id, window in windows.items() if window is not None},
        allow_policies=router.allow_policies,
        escalation=escalation,
        margin=router.conversation_margin,
    )


def blended(price: Price, output_share: float) -> float:
    """US dollars per million tokens of which ``output_share`` are output."""
    return (1 - output_share) * price.input + output_share * price.output


def _eligible(zoo: Zoo, router: RouterSettings) -> list[Candidate]:
    if router.candidates is None:
        return zoo.candidates
    if unknown := sorted(set(router.candidates) - set(zoo.ids())):
        raise SettingsError(
            f"key 'router.candidates': zoo '{zoo.name}' has no {', '.join(unknown)}; "
            f"it has: {', '.join(zoo.ids())}"
        )
    return [candidate for candidate in zoo.candidates if candidate.id in router.candidates]


def _prices(candidates: list[Candidate], output_share: float) -> dict[str, float]:
    # A price of zero is a price; one that was never written is not.
    unpriced = [found.id for found in candidates if "price" not in found.model_fields_set]
    if unpriced:
        raise SettingsError(
            f"candidates without a 'price' in the zoo: {', '.join(unpriced)}; policies "
            f"{' and '.join(sorted(READS_PRICES))} (keys 'router.policy' and "
            "'router.allow_policies') need one of each"
        )
    return {found.id: blended(found.price, output_share) for found in candidates}
