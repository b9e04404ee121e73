"""Whether what is asked for fits a cluster's nodes: said before anything starts, not waited for.

What is refused fits in no way: a bundle that no node has room for, or more in all than there is.
What is not refused may still not find a placement, since that depends on what else runs. A cluster
that scales by itself has nodes that are not there yet; there is nothing to check it against.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from actors.candidate import placement
from cluster.errors import SettingsError
from cluster.zoo import Candidate

# Amounts by Ray's names: CPU, GPU, accelerator_type:H100.
Resources: TypeAlias = Mapping[str, float]
_DUST = 1e-6  # of adding floats
_TRIFLES = 0.05


@dataclass(frozen=True)
class Claim:
    """What somebody takes of a cluster.

    Attributes:
        who: as errors call them, such as "candidate 'a'".
        bundles: what one replica or worker takes; each bundle must fit on one node.
        count: replicas or workers that run at once.
    """

    who: str
    bundles: Sequence[Resources]
    count: int = 1


def claims_of(candidates: Sequence[Candidate]) -> list[Claim]:
    """One replica of each."""
    return [Claim(f"candidate '{one.id}'", placement.replica(one)) for one in candidates]


def check_each_fits(claims: Sequence[Claim], nodes: Sequence[Resources] | None) -> None:
    """For exams and batches: one of each, one after the other.

    Args:
        claims: of those that will run.
        nodes: what Ray counts in all on each living node; None: more come when they are asked for.

    Raises:
        SettingsError: saying who lacks which resource.
    """
    if nodes is not None:
        _refuse([line for claim in claims for line in _lacks_alone(claim, nodes)])


def check_all_fit(claims: Sequence[Claim], nodes: Sequence[Resources] | None) -> None:
    """For serving and tuning: all replicas and workers at once.

    Raises:
        SettingsError: saying who lacks which resource.
    """
    if nodes is None:
        return
    check_each_fits(claims, nodes)
    there, taken, lines = _sum(nodes), Counter[str](), []
    for claim in claims:
        needed = Counter({name: claim.count * of for name, of in _sum(claim.bundles).items()})
        before = len(claims) > 1
        lines += [
            f"{claim.who} lacks {name}: {claim.count} of it need {_amount(amount)}, "
            + (f"those before it {_amount(taken[name])}; " if before else "")
            + f"the cluster has {_amount(there[name])}"
            for name, amount in needed.items()
            if taken[name] + amount > there[name] + _DUST
        ]
        taken += needed
    _refuse(lines)


def _refuse(lines: Sequence[str]) -> None:
    if lines:
        raise SettingsError("what is asked for does not fit the cluster: " + "; ".join(lines))


def _lacks_alone(claim: Claim, nodes: Sequence[Resources]) -> list[str]:
    there = _sum(nodes)
    lines = [
        f"{claim.who} lacks {name}: it needs {_amount(amount)}, the cluster has "
        f"{_amount(there[name])}"
        for name, amount in _sum(claim.bundles).items()
        if amount > there[name] + _DUST
    ]
    if lines:
        return lines
    for bundle in claim.bundles:
        if not any(_has(node, bundle) for node in nodes):
            wanted = " with ".join(f"{_amount(amount)} {name}" for name, amount in bundle.items())
            return [f"{claim.who} lacks a node that has {wanted}"]
    return []


def _has(node: Resources, bundle: Resources) -> bool:
    return all(amount <= node.get(name, 0) + _DUST for name, amount in bundle.items())


def _sum(parts: Sequence[Resources]) -> Counter[str]:
    total = Counter[str]()
    for part in parts:
        total.update(part)
    return total


def _amount(amount: float) -> str:
    # The trifles of accelerator types are Ray's way to say that there must be one.
    return "some" if 0 < amount < _TRIFLES else f"{amount:g}"
