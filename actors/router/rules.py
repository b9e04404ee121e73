"""The rules of a choice: the operator's, what a request may ask within them, and what came of it.

Owns which candidates may be chosen and what each costs. How a policy weighs scores and prices is
``actors.router.policy``'s business. Prompts that are too long for a candidate are not filtered
here: tokens cannot be bounded from below without the candidate's tokenizer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from pydantic import Field

from actors.router.policy import READS_PRICES, choose
from cluster.errors import SettingsError, UserError
from cluster.settings import Policy, PolicyKind, RouterSettings, Section
from cluster.zoo import Candidate, Price, Zoo

Why: TypeAlias = Literal["policy", "conversation", "escalation", "fallback"]


class Wish(Section):
    """What a request may ask of the choice, in its object ``model_sat``."""

    policy: Policy | None = None
    candidates: tuple[str, ...] | None = Field(None, min_length=1)


@dataclass(frozen=True)
class Choice:
    """Which candidate answers, and why.

    Attributes:
        candidate: its id.
        score: its P('Yes').
        policy: what chose.
        scores: of the candidates it chose among, by id.
        why: what decided in the end: the policy, or what came after it.
        passed_over: by id, why candidates that came before this one do not answer.
    """

    candidate: str
    score: float
    policy: PolicyKind
    scores: Mapping[str, float]
    why: Why = "policy"
    passed_over: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """How a candidate is chosen.

    Attributes:
        policy: the operator's, or the one a request asked for.
        candidates: ids that may be chosen.
        prices: by id, US dollars per million tokens; empty if no allowed policy reads them.
        allow_policies: kinds of policies that a request may ask for.
    """

    policy: Policy
    candidates: tuple[str, ...]
    prices: Mapping[str, float]
    allow_policies: tuple[PolicyKind, ...] = ()

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
        )

    def choice(self, scores: Mapping[str, float]) -> Choice:
        """The choice by the scores of all candidates, or more."""
        among = {id: scores[id] for id in self.candidates}
        chosen = choose(self.policy, among, self.prices)
        return Choice(chosen, among[chosen], self.policy.kind, among)


def operator_rules(zoo: Zoo, router: RouterSettings) -> Rules:
    """The rules that the settings and the zoo make.

    Raises:
        SettingsError: a candidate is not in the zoo, or lacks a price that a policy reads.
    """
    candidates = _eligible(zoo, router)
    priced = READS_PRICES & {router.policy.kind, *router.allow_policies}
    return Rules(
        policy=router.policy,
        candidates=tuple(candidate.id for candidate in candidates),
        prices=_prices(candidates, router.output_share) if priced else {},
        allow_policies=router.allow_policies,
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


def _prices(candidates: Sequence[Candidate], output_share: float) -> dict[str, float]:
    # A price of zero is a price; one that was never written is not.
    unpriced = [found.id for found in candidates if "price" not in found.model_fields_set]
    if unpriced:
        raise SettingsError(
            f"candidates without a 'price' in the zoo: {', '.join(unpriced)}; policies "
            f"{' and '.join(sorted(READS_PRICES))} (keys 'router.policy' and "
            "'router.allow_policies') need one of each"
        )
    return {found.id: blended(found.price, output_share) for found in candidates}
