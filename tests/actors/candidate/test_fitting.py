"""What fits a cluster and what does not, and what is said of it."""

from typing import Any

import pytest

from actors.candidate.fitting import Claim, check_all_fit, check_each_fits, claims_of
from cluster.errors import SettingsError
from cluster.zoo import Candidate

HEAD: dict[str, float] = {"CPU": 0}
CPUS: dict[str, float] = {"CPU": 4}
H100S: dict[str, float] = {"CPU": 8, "GPU": 2, "accelerator_type:H100": 1}


def vllm(id: str, **resources: Any) -> Candidate:
    engine = {"kind": "vllm", "source": "a/b"}
    return Candidate.model_validate({"id": id, "engine": engine, "resources": resources})


def test_what_fits_is_not_refused() -> None:
    typed = {"gpus": 2, "accelerator_type": "H100"}
    check_each_fits(claims_of([vllm("a", **typed), vllm("b", **typed)]), [HEAD, CPUS, H100S])
    check_all_fit(claims_of([vllm("a", **typed), vllm("b", cpus=4)]), [HEAD, CPUS, H100S])
    check_all_fit([*claims_of([vllm("a", gpus=2)]), Claim("b", [{"GPU": 2}], 0)], [H100S])
    check_all_fit([Claim("workers", [{"CPU": 2.0, "GPU": 0}], 2)], [CPUS])
    stand_in = Candidate.model_validate({"id": "s", "engine": {"kind": "stand-in"}})
    many = [stand_in.model_copy(update={"id": f"s{n}"}) for n in range(40)]
    check_all_fit(claims_of(many), [CPUS])
    check_all_fit([Claim("the selector", [{"GPU": 9}])], None)


@pytest.mark.parametrize(
    ("resources", "nodes", "said"),
    [
        ({"gpus": 1}, [HEAD, CPUS], "'a' lacks GPU: it needs 1, the cluster has 0"),
        ({"cpus": 5}, [HEAD, CPUS], "'a' lacks CPU: it needs 5, the cluster has 4"),
        ({"cpus": 5}, [CPUS, CPUS], "'a' lacks a node that has 5 CPU"),
        ({"gpus": 3}, [H100S], "'a' lacks GPU: it needs 3, the cluster has 2"),
        (
            {"gpus": 1, "accelerator_type": "L40S"},
            [H100S],
            "'a' lacks accelerator_type:L40S: it needs some, the cluster has 0",
        ),
        (
            {"cpus": 6, "gpus": 1},
            [CPUS, CPUS, {"CPU": 1, "GPU": 1}],
            "'a' lacks a node that has 6 CPU with 1 GPU",
        ),
    ],
)
def test_what_a_candidate_lacks_is_said(
    resources: dict[str, Any], nodes: list[dict[str, float]], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        check_each_fits(claims_of([vllm("a", **resources)]), nodes)


def test_all_that_lack_something_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'a' lacks GPU.*; candidate 'c' lacks CPU"):
        check_each_fits(
            claims_of([vllm("a", gpus=1), vllm("b", cpus=1), vllm("c", cpus=9)]), [CPUS]
        )


def test_candidates_that_fit_alone_may_not_fit_together() -> None:
    zoo = [*claims_of([vllm("a", gpus=1)]), Claim("the selector", [{"GPU": 1}], 2)]
    check_each_fits(zoo, [H100S])
    said = "the selector lacks GPU: 2 of it need 2, those before it 1; the cluster has 2"
    with pytest.raises(SettingsError, match=said):
        check_all_fit(zoo, [H100S])
