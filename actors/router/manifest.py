"""From a zoo to the RayService that serves it: how many pods there are, and of which size.

Owns the arithmetic from replicas to groups of workers, and what a run decides of its pods: their
sizes, their image, whether the store is a volume. What else a pod is (caches, security) comes from
manifests/kuberay/base and is not changed. Nothing here imports Ray;
``tests/actors/router/test_manifest.py`` compares with what Ray is asked.

That all replicas fit means: there is a placement of all at once, and among pods without GPUs any
order of starting them finds one. Ray keeps work without GPUs off nodes with GPUs while it can.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from actors.candidate import placement
from actors.candidate.fitting import Claim
from cluster.settings import RouterSettings, Settings
from cluster.zoo import Zoo

Manifest: TypeAlias = dict[str, Any]

_MACHINE_GPUS = 8  # that common machines have at most
_MACHINE_CPUS = 16  # a pod of more waits for a large machine
_SPARE_CPUS = 1  # a free one, without which Ray starts no small actor of its own
_JOB_CPUS = 3  # beside an engine: driver 1, tokenizer 0.5, steps that move columns 0.25 each
_GIB_PER_CPU = 4  # as machines for general purposes have
_GIB_PER_GPU = 64  # weights pass through memory on their way; machines have more than their cards


@dataclass(frozen=True)
class Deployment:
    """What Ray Serve is asked for.

    Attributes:
        name: a candidate's id, ``selector`` or ``ingress``.
        bundles: what one replica takes: its placement group, or one bundle for its actor.
        least: replicas that always run.
        most: replicas under load.
    """

    name: str
    bundles: Sequence[Mapping[str, float]]
    least: int
    most: int

    def total(self, resource: str) -> float:
        """Of one replica."""
        return sum(bundle.get(resource, 0) for bundle in self.bundles)


@dataclass(frozen=True)
class WorkerGroup:
    """Pods of one size.

    Attributes:
        cpus, gpus: of one pod.
        accelerator_type: as Ray names it; None takes any.
        least, most: pods, between which KubeRay scales by what replicas ask for.
    """

    cpus: int
    gpus: int
    accelerator_type: str | None
    least: int
    most: int

    def name(self) -> str:
        """As Kubernetes allows names."""
        if not self.gpus:
            return "cpu"
        kind = (self.accelerator_type or "gpu").lower().replace("_", "-")
        return f"{kind}-{self.gpus}"

    def resources(self) -> dict[str, float]:
        """What Ray counts on one pod."""
        found: dict[str, float] = {"CPU": self.cpus}
        if self.gpus:
            found["GPU"] = self.gpus
        if self.accelerator_type:
            found[placement.accelerator_resource(self.accelerator_type)] = 1
        return found


def deployments(zoo: Zoo, router: RouterSettings) -> list[Deployment]:
    """All that the application of ``actors.router.app`` deploys."""
    found = [
        Deployment(
            candidate.id, placement.replica(candidate), *placement.replicas(candidate.resources)
        )
        for candidate in zoo.candidates
    ]
    selector = selector_resources(router)
    most = router.selector_max_replicas or router.selector_replicas
    ingresses = router.ingress_replicas
    if not router.selector_in_ingress:
        found.append(Deployment("selector", [selector], router.selector_replicas, most))
    return [*found, Deployment("ingress", [{"CPU": 1.0}], ingresses, ingresses)]


def selector_resources(router: RouterSettings) -> dict[str, float]:
    """Of one replica; one CPU is what Ray Serve gives those that do not say."""
    return {"CPU": 1.0} | ({"GPU": router.selector_gpus} if router.selector_gpus else {})


def claims(zoo: Zoo, router: RouterSettings) -> list[Claim]:
    """What the application takes of a cluster when nobody calls it."""
    ids = zoo.ids()
    return [
        Claim(
            f"candidate '{one.name}'" if one.name in ids else f"the {one.name}",
            one.bundles,
            one.least,
        )
        for one in deployments(zoo, router)
    ]


def worker_groups(found: Sequence[Deployment]) -> list[WorkerGroup]:
    """The groups on whose pods all replicas fit: one without GPUs, and one for each kind of pod."""
    sizes: dict[tuple[str, int], list[Deployment]] = defaultdict(list)
    for deployment in found:
        if deployment.total("GPU"):
            sizes[_accelerator(deployment), _gpus_in_a_pod(deployment)].append(deployment)
    without = [deployment for deployment in found if not deployment.total("GPU")]
    return [
        _cpu_group(without),
        *(
            _gpu_group(kind or None, gpus, members)
            for (kind, gpus), members in sorted(sizes.items())
        ),
    ]


def _cpu_group(members: Sequence[Deployment]) -> WorkerGroup:
    largest = max(member.total("CPU") for member in members)
    most = _SPARE_CPUS + sum(member.total("CPU") * member.most for member in members)
    least = _SPARE_CPUS + sum(member.total("CPU") * member.least for member in members)
    for_jobs = math.ceil(largest) + _JOB_CPUS
    if most <= _MACHINE_CPUS:
        return WorkerGroup(max(_whole(most), for_jobs), 0, None, least=1, most=1)
    cpus = max(_MACHINE_CPUS, 2 * math.ceil(largest))
    # A replica finds no pod only if each has less than the largest free: so much is always used.
    used = cpus - largest
    return WorkerGroup(cpus, 0, None, least=_whole(least / used), most=_whole(most / used))


def _gpu_group(kind: str | None, gpus: int, members: Sequence[Deployment]) -> WorkerGroup:
    # A process for each GPU keeps a core busy, beside the CPUs that candidates ask for.
    cpus = gpus + max(math.ceil(member.total("CPU")) for member in members)
    pods = (member.most * math.ceil(member.total("GPU") / gpus) for member in members)
    return WorkerGroup(cpus, gpus, kind, least=0, most=sum(pods))


def _gpus_in_a_pod(deployment: Deployment) -> int:
    """All of a replica's, so that a tensor-parallel group stays within one; else even parts."""
    gpus = math.ceil(deployment.total("GPU"))
    if len(deployment.bundles) == 1:
        return gpus
    return max(part for part in range(1, _MACHINE_GPUS + 1) if gpus % part == 0)


def _accelerator(deployment: Deployment) -> str:
    prefix = placement.accelerator_resource("")
    kinds = [name.removeprefix(prefix) for name in deployment.bundles[0] if name.startswith(prefix)]
    return kinds[0] if kinds else ""


def _whole(amount: float) -> int:
    return math.ceil(round(amount, 4))  # Ray's own resolution, without the dust of adding floats


def built_image(groups: Sequence[WorkerGroup]) -> str:
    """What manifests/Dockerfile builds. One for all pods: Ray wants one Python on all nodes."""
    return f"model-sat:{'gpu' if any(group.gpus for group in groups) else 'cpu'}"


def ray_service(
    settings: Settings,
    groups: Sequence[WorkerGroup],
    image: str,
    service: Manifest,
    cluster: Manifest,
) -> Manifest:
    """The RayService of a run.

    Args:
        settings: whose store, zoo, selector and router are served.
        groups: of workers.
        image: of all pods.
        service: manifests/kuberay/base/router.yaml.
        cluster: manifests/kuberay/base/cluster.yaml; all groups' pods are like its first group's.
    """
    head, pattern = (
        _with_pod(spec, image, settings.store)
        for spec in (cluster["spec"]["headGroupSpec"], cluster["spec"]["workerGroupSpecs"][0])
    )
    workers = [_group_spec(group, pattern) for group in groups]
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    config["applications"][0]["args"] = {
        "store": settings.store,
        "zoo": settings.zoo,
        "selector_name": settings.selector_name,
        # The address is Kubernetes' business.
        "router": settings.router.model_dump(
            mode="json", exclude_unset=True, exclude={"host", "port"}
        ),
    }
    spec = service["spec"] | {
        "serveConfigV2": yaml.safe_dump(config, sort_keys=False),
        "rayClusterConfig": cluster["spec"] | {"headGroupSpec": head, "workerGroupSpecs": workers},
    }
    return service | {"spec": spec}


def _with_pod(spec: Manifest, image: str, store: str) -> Manifest:
    spec = deepcopy(spec)
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    container["image"] = image
    if "://" in store:  # no volume, but keys, as in overlay gpu
        for part, key in ((pod, "volumes"), (container, "volumeMounts")):
            part[key] = [one for one in part[key] if one["name"] != "store"]
        for keys in container["envFrom"]:
            del keys["secretRef"]["optional"]
    return spec


def _group_spec(group: WorkerGroup, pattern: Manifest) -> Manifest:
    spec = deepcopy(pattern) | {
        "groupName": group.name(),
        "replicas": group.least,
        "minReplicas": group.least,
        "maxReplicas": group.most,
    }
    pod = spec["template"]["spec"]
    memory = _GIB_PER_CPU * group.cpus + _GIB_PER_GPU * group.gpus
    amounts = {"cpu": str(group.cpus), "memory": f"{memory}Gi"}
    if group.gpus:
        amounts["nvidia.com/gpu"] = str(group.gpus)
        pod["tolerations"] = [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        ]
    if group.accelerator_type:
        # Ray's autoscaler must know of it before there is a pod; the label is for who runs nodes.
        resource = placement.accelerator_resource(group.accelerator_type)
        spec["resources"] = {resource: "1"}
        pod["nodeSelector"] = {"ray.io/accelerator-type": group.accelerator_type}
    pod["containers"][0]["resources"] = {"requests": amounts, "limits": dict(amounts)}
    return spec
