"""Whether candidates fit a cluster's nodes: said before anything starts, instead of waited for.

What is refused fits in no way: a bundle that no node has room for, or more in all than there is.
What is not refused may still not find a placement, since that depends on what else runs. A cluster
that scales by itself has nodes that are not there yet; there is nothing to check it against.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from actors.candidate import placement
from cluster.errors import SettingsError
from cluster.zoo import Candidate

# Amounts by Ray's names: CPU, GPU, accelerator_type:H100.
Resources: TypeAlias = Mapping[str, float]
_DUST = 1e-6  # of adding floats
_TRIFLES = 0.05


def check_each_fits(candidates: Sequence[Candidate], nodes: Sequence[Resources] | None) -> None:
    """For exams and batches: one replica of each candidate, one candidate after the other.

    Args:
        candidates: that will be asked.
        nodes: what Ray counts in all on each living node; None: more come when they are asked for.

    Raises:
        SettingsError: saying which candidate lacks which resource.
    """
    if nodes is not None:
        _refuse([line for one in candidates for line in _lacks_alone(one, nodes)])


def check_all_fit(candidates: Sequence[Candidate], nodes: Sequence[Resources] | None) -> None:
    """For serving: the least number of replicas of all candidates at once.

    Raises:
        SettingsError: saying which candidate lacks which resource.
    """
    if nodes is None:
        return
    check_each_fits(candidates, nodes)
    there, taken, lines = _sum(nodes), Counter[str](), []
    for candidate in candidates:
        least, _ = placement.replicas(candidate.resources)
        needed = Counter({name: least * of for name, of in _replica(candidate).items()})
        lines += [
            f"candidate '{candidate.id}' lacks {name}: {least} of it need {_amount(amount)}, the "
            f"candidates before it {_amount(taken[name])}; the cluster has {_amount(there[name])}"
            for name, amount in needed.items()
            if taken[name] + amount > there[name] + _DUST
        ]
        taken += needed
    _refuse(lines)


def _refuse(lines: Sequence[str]) -> None:
    if lines:
        raise SettingsError("the zoo does not fit the cluster: " + "; ".join(lines))


def _lacks_alone(candidate: Candidate, nodes: Sequence[Resources]) -> list[str]:
    there = _sum(nodes)
    lines = [
        f"candidate '{candidate.id}' lacks {name}: it needs {_amount(amount)}, the cluster has "
        f"{_amount(there[name])}"
        for name, amount in _replica(candidate).items()
        if amount > there[name] + _DUST
    ]
    if lines:
        return lines
    for bundle in placement.replica(candidate):
        if not any(_has(node, bundle) for node in nodes):
            wanted = " with ".join(f"{_amount(amount)} {name}" for name, amount in bundle.items())
            return [f"candidate '{candidate.id}' lacks a node that has {wanted}"]
    return []


def _has(node: Resources, bundle: Resources) -> bool:
    return all(amount <= node.get(name, 0) + _DUST for name, amount in bundle.items())


def _replica(candidate: Candidate) -> Counter[str]:
    return _sum(placement.replica(candidate))


def _sum(parts: Sequence[Resources]) -> Counter[str]:
    total = Counter[str]()
    for part in parts:
        total.update(part)
    return total


def _amount(amount: float) -> str:
    # The trifles of accelerator types are Ray's way to say that there must be one.
    return "some" if 0 < amount < _TRIFLES else f"{amount:g}"
