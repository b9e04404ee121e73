"""Worker groups: every replica fits, nothing is asked of the head, and Ray is asked no more."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.candidate.fitting import check_all_fit
from actors.router.manifest import (
    Deployment,
    WorkerGroup,
    built_image,
    claims,
    deployments,
    ray_service,
    worker_groups,
)
from cluster.errors import SettingsError
from cluster.settings import RouterSettings, Settings
from cluster.zoo import Zoo

# GPUs of a replica that is more than a machine has, and of each of its pods.
IN_A_POD = {12: 6, 16: 8}
BASE = Path(__file__).parents[3] / "manifests" / "kuberay" / "base"

LIGHT = Deployment("ingress", [{"CPU": 1.0}], 1, 1)

Room = dict[str, float]

vllm = st.fixed_dictionaries(
    {
        "engine": st.just({"kind": "vllm", "source": "a/b"}),
        "resources": st.fixed_dictionaries(
            {
                "cpus": st.sampled_from([0.5, 1, 2, 6.5, 20]),
                "gpus": st.sampled_from([0, 1, 2, 3, 4, 8, 12, 16]),
                "accelerator_type": st.sampled_from([None, "H100", "L40S", "A100-80G"]),
                "min_replicas": st.integers(0, 3),
                "max_replicas": st.integers(1, 6),
            }
        ),
    }
)
remote = st.fixed_dictionaries(
    {
        "engine": st.just({"kind": "remote", "url": "http://host/v1", "model": "m"}),
        "resources": st.fixed_dictionaries({"max_replicas": st.integers(1, 6)}),
    }
)
routers = st.builds(
    RouterSettings,
    ingress_replicas=st.integers(1, 5),
    selector_replicas=st.integers(1, 3),
    selector_max_replicas=st.one_of(st.none(), st.integers(3, 9)),
    selector_gpus=st.sampled_from([0.0, 0.25, 1.0, 2.0]),
)


@st.composite
def zoos(draw: st.DrawFn) -> Zoo:
    found: Any = draw(st.lists(st.one_of(vllm, remote), min_size=1, max_size=8))
    for index, candidate in enumerate(found):
        candidate["id"] = f"candidate-{index}"
        if not candidate["resources"].get("gpus"):
            candidate["resources"]["accelerator_type"] = None
    return Zoo.model_validate({"name": "drawn", "candidates": found})


def takes(room: Room, bundle: Any) -> bool:
    """Puts a bundle into a pod's room, if it fits."""
    if any(room.get(name, 0) + 1e-6 < amount for name, amount in bundle.items()):
        return False
    for name, amount in bundle.items():
        room[name] -= amount
    return True


def own_group(deployment: Deployment, groups: list[WorkerGroup]) -> WorkerGroup:
    gpus = math.ceil(deployment.total("GPU"))
    typed = deployment.bundles[0].keys() - {"CPU", "GPU"}
    (found,) = [
        group
        for group in groups
        if (group.gpus, group.resources().keys() - {"CPU", "GPU"})
        == (IN_A_POD.get(gpus, gpus), typed)
    ]
    return found


@settings(max_examples=300, deadline=None)
@given(zoo=zoos(), router=routers, data=st.data())
def test_all_replicas_fit_at_once(zoo: Zoo, router: RouterSettings, data: st.DataObject) -> None:
    found = deployments(zoo, router)
    groups = worker_groups(found)
    assert all(0 <= group.least <= group.most for group in groups)
    pods = {group: [group.resources() for _ in range(group.most)] for group in groups}
    replicas = [one for one in found for _ in range(one.most)]
    for deployment in data.draw(st.permutations(replicas)):  # whichever starts first
        rooms = pods[own_group(deployment, groups)]
        if not deployment.total("GPU"):  # and wherever Ray puts it
            rooms = data.draw(st.permutations(rooms))
        for bundle in deployment.bundles:
            assert any(takes(room, bundle) for room in rooms), (deployment, groups)


@settings(max_examples=50, deadline=None)
@given(zoo=zoos(), router=routers)
def test_what_is_served_fits_on_its_worker_groups(zoo: Zoo, router: RouterSettings) -> None:
    groups = worker_groups(deployments(zoo, router))
    pods = [group.resources() for group in groups for _ in range(group.most)]
    check_all_fit(claims(zoo, router), pods)
    if router.selector_gpus:
        alone = zoo.model_copy(update={"candidates": []})
        with pytest.raises(SettingsError, match="the selector lacks GPU: it needs"):
            check_all_fit(claims(alone, router), [{"CPU": 99}])


@settings(max_examples=50, deadline=None)
@given(zoo=zoos(), router=routers)
def test_the_manifest_says_what_the_groups_are(zoo: Zoo, router: RouterSettings) -> None:
    groups = worker_groups(deployments(zoo, router))
    spec = written(groups, router)["spec"]["rayClusterConfig"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert len({group["groupName"] for group in spec["workerGroupSpecs"]}) == len(groups)
    for group, said in zip(groups, spec["workerGroupSpecs"], strict=True):
        assert (said["minReplicas"], said["maxReplicas"]) == (group.least, group.most)
        (container,) = said["template"]["spec"]["containers"]
        limits = container["resources"]["limits"]
        assert container["resources"]["requests"] == limits
        assert (limits["cpu"], limits.get("nvidia.com/gpu", "0")) == (
            str(group.cpus),
            str(group.gpus),
        )
        assert said.get("resources", {}).keys() == group.resources().keys() - {"CPU", "GPU"}


def written(
    groups: list[WorkerGroup], router: RouterSettings, store: str = "store"
) -> dict[str, Any]:
    run = {"store": store, "zoo": "z", "selector": {"encoder": "e", "decoder": "d"}}
    settings = Settings.model_validate({**run, "router": router})
    service, cluster = (
        yaml.safe_load((BASE / name).read_text()) for name in ("router.yaml", "cluster.yaml")
    )
    return ray_service(settings, groups, built_image(groups), service, cluster)


def pods(written: dict[str, Any]) -> list[dict[str, Any]]:
    spec = written["spec"]["rayClusterConfig"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


@pytest.mark.parametrize(("gpus", "tag"), [(0.0, "cpu"), (1.0, "gpu")])
def test_all_pods_are_of_one_image_that_is_built(gpus: float, tag: str) -> None:
    groups = worker_groups([Deployment("a", [{"CPU": 1.0, "GPU": gpus}], 1, 1), LIGHT])
    found = pods(written(groups, RouterSettings()))
    images = {pod["containers"][0]["image"] for pod in found}
    assert images == {f"model-sat:{tag}"}
    assert f"--target {tag} --tag model-sat:{tag} " in (BASE.parents[1] / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("store", "mounted"), [("store", True), ("s3://bucket/store?region=eu-west-1", False)]
)
def test_a_store_at_a_url_takes_keys_and_no_volume(store: str, mounted: bool) -> None:
    for pod in pods(written(worker_groups([LIGHT]), RouterSettings(), store)):
        (container,) = pod["containers"]
        names = {"tmp", "cache", *(["store"] if mounted else [])}
        assert {volume["name"] for volume in pod["volumes"]} == names
        assert {mount["name"] for mount in container["volumeMounts"]} == names
        (secret,) = [keys["secretRef"] for keys in container["envFrom"]]
        assert secret.get("optional", False) is mounted


def test_pods_of_a_size_are_shared() -> None:
    one = Deployment("a", [{"CPU": 1.0, "GPU": 1}], 1, 3)
    two = Deployment("b", [{"CPU": 4.0, "GPU": 1}], 0, 2)
    big = Deployment("c", [{"CPU": 1.0, "GPU": 1}] + [{"GPU": 1}] * 11, 1, 2)
    assert worker_groups([one, two, big, LIGHT]) == [
        WorkerGroup(cpus=4, gpus=0, accelerator_type=None, least=1, most=1),
        WorkerGroup(cpus=5, gpus=1, accelerator_type=None, least=0, most=5),
        WorkerGroup(cpus=7, gpus=6, accelerator_type=None, least=0, most=4),
    ]


def test_many_light_replicas_get_several_pods() -> None:
    (group,) = worker_groups([Deployment("a", [{"CPU": 2.0}], 2, 40)])
    assert (group.cpus, group.least, group.most) == (16, 1, math.ceil(81 / 14))


CANDIDATES = [
    {"id": "stand-in", "engine": {"kind": "stand-in"}, "resources": {"max_replicas": 3}},
    {"id": "on-cpus", "resources": {"cpus": 2, "min_replicas": 0, "max_replicas": 2}},
    {"id": "typed", "resources": {"gpus": 1, "accelerator_type": "H100"}},
    {"id": "wide", "resources": {"cpus": 3, "gpus": 4, "min_replicas": 2}},
]


def asked_of_ray(app: Any) -> dict[str, Deployment]:
    """What Serve would ask Ray for, deployment by deployment."""
    from ray.serve import Application

    ingress = app._bound_deployment
    parts = ingress.init_kwargs
    apps = {**parts["candidates"], "selector": parts["selector"]}
    bound = {
        name: part._bound_deployment for name, part in apps.items() if isinstance(part, Application)
    } | {"ingress": ingress}
    found = {}
    for name, deployment in bound.items():
        replica = deployment._replica_config
        bundles = replica.placement_group_bundles or [
            {
                "CPU": replica.resource_dict.get("CPU", 0),
                "GPU": replica.resource_dict.get("GPU", 0),
            }
        ]
        config = deployment._deployment_config
        scaled = config.autoscaling_config
        counts = (
            (scaled.min_replicas, scaled.max_replicas) if scaled else (config.num_replicas,) * 2
        )
        found[name] = Deployment(
            name, [{key: of for key, of in bundle.items() if of} for bundle in bundles], *counts
        )
    return found


@pytest.mark.parametrize(
    "router",
    [
        {},
        {"selector_gpus": 0.5, "selector_replicas": 2, "ingress_replicas": 3},
        {"selector_max_replicas": 4},
        {"selector_in_ingress": True},
    ],
)
def test_ray_is_asked_for_just_that(
    router: dict[str, Any],
    ray_cluster: None,
    tmp_path: Path,
    tiny_sources: Any,
    make_card: Any,
    put_selector: Any,
) -> None:
    from actors.router.app import RouterArgs, build_app

    sources = tiny_sources()
    engine = {"kind": "vllm", "source": sources.decoder}
    zoo = Zoo.model_validate(
        {"name": "z", "candidates": [{"engine": engine, **found} for found in CANDIDATES]}
    )
    (tmp_path / "zoo.yaml").write_text(zoo.model_dump_json())
    run = {"store": str(tmp_path / "store"), "zoo": str(tmp_path / "zoo.yaml")}
    tuned = Settings.model_validate({**run, "selector": sources, "router": router})
    put_selector(tuned, [make_card(id, [0.5]) for id in zoo.ids()])
    app = build_app(RouterArgs(**run, selector_name=tuned.selector_name, router=tuned.router))
    asked = asked_of_ray(app)
    said = {found.name: found for found in deployments(zoo, tuned.router)}
    assert asked.keys() == said.keys()
    for name, found in said.items():
        assert asked[name] == found, name
