"""The KubeRay manifests: built, valid by KubeRay's and Kubernetes' schemas, true to the code."""

import json
import shlex
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from ray.serve.schema import ServeDeploySchema

from cluster.errors import SettingsError
from cluster.settings import Settings, load, validated
from jobs import manifest

ROOT = Path(__file__).parents[2]
CRDS = ROOT.parent / "shared" / "kuberay"
OVERLAYS = ("cpu-demo", "gpu")
RAY_KINDS = ("RayCluster", "RayService", "RayJob", "RayCronJob")
KUBERNETES = "1.37"
TYPED = """
name: typed
candidates:
  - id: large
    engine: {kind: vllm, source: some/model}
    resources: {gpus: 4, accelerator_type: H100, max_replicas: 2}
"""

Object = dict[str, Any]
Built = Callable[[str], list[Object]]

overlays = pytest.mark.parametrize("overlay", OVERLAYS)


def need_crds() -> None:
    if not CRDS.is_dir():
        pytest.skip(f"{CRDS}: KubeRay's CRDs are not there")


@cache
def crd(kind: str) -> Draft202012Validator:
    """KubeRay's schema of a kind, which also refuses keys that it does not know."""
    path = CRDS / f"ray.io_{kind.lower()}s.yaml"
    (version,) = [
        version
        for version in yaml.load(path.read_bytes(), yaml.CSafeLoader)["spec"]["versions"]
        if version["name"] == "v1"
    ]
    schema = strict(version["schema"]["openAPIV3Schema"])
    del schema["properties"]["metadata"]  # Kubernetes' own, of which a CRD says no more than a type
    return Draft202012Validator(schema | {"additionalProperties": True})


def strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


def check_crd(item: Object) -> None:
    crd(item["kind"]).validate(item)


def check_kubernetes(item: Object) -> None:
    kubernetes_validate.validate(item, KUBERNETES, strict=True)


def cluster_spec(item: Object) -> Object:
    spec: Object = item["spec"]
    match item["kind"]:
        case "RayService":
            spec = spec["rayClusterConfig"]
        case "RayJob":
            spec = spec["rayClusterSpec"]
        case "RayCronJob":
            spec = spec["jobTemplate"]["rayClusterSpec"]
    return spec


def ray_objects(items: list[Object]) -> list[Object]:
    return [item for item in items if item["kind"] in RAY_KINDS]


def named(items: list[Object], kind: str, name: str) -> Object:
    (found,) = [item for item in items if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def pod_templates(items: list[Object]) -> Iterator[Object]:
    for item in ray_objects(items):
        spec = cluster_spec(item)
        yield spec["headGroupSpec"]["template"]
        yield from (group["template"] for group in spec["workerGroupSpecs"])


def entrypoints(items: list[Object]) -> Iterator[str]:
    for item in items:
        if item["kind"] == "RayJob":
            yield item["spec"]["entrypoint"]
        if item["kind"] == "RayCronJob":
            yield item["spec"]["jobTemplate"]["entrypoint"]


def entrypoint_settings(entrypoint: str) -> list[Settings]:
    """The settings that each command of an entrypoint would run with."""
    found = []
    for command in entrypoint.split("&&"):
        python, flag, module, run, *overrides = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        kind = get_type_hints(import_module(module).run)["settings"]
        found.append(load(kind, run, overrides))
    return found


def serve_args(service: Object) -> Any:
    from actors.router.app import RouterArgs

    config = ServeDeploySchema(**yaml.safe_load(service["spec"]["serveConfigV2"]))
    (application,) = config.applications
    assert application.import_path == "actors.router.app:build_app"
    return validated(RouterArgs, application.args, "serveConfigV2")


@overlays
def test_everything_asked_for_is_there(overlay: str, built: Built) -> None:
    found = {(item["kind"], item["metadata"]["name"]) for item in ray_objects(built(overlay))}
    assert found == {
        ("RayService", "router"),
        ("RayCluster", "interactive"),
        ("RayCronJob", "re-examine"),
        *(("RayJob", name) for name in ("examine", "tune", "route")),
    }


@pytest.mark.shared
@overlays
def test_kuberay_takes_them(overlay: str, built: Built) -> None:
    need_crds()
    for item in ray_objects(built(overlay)):
        check_crd(item)


@overlays
def test_kubernetes_takes_them(overlay: str, built: Built) -> None:
    items = built(overlay)
    for item in items:
        if item["apiVersion"] not in ("ray.io/v1", "monitoring.coreos.com/v1"):
            check_kubernetes(item)
    for template in pod_templates(items):
        check_kubernetes(pod_template(template))


def pod_template(template: Object) -> Object:
    meta = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "any"}}
    return {**meta, "template": template}


@overlays
def test_pods_are_locked_and_sized(overlay: str, built: Built) -> None:
    for template in pod_templates(built(overlay)):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["livenessProbe"]
            for amount in ("cpu", "memory"):
                assert container["resources"]["requests"][amount]
                assert container["resources"]["limits"][amount]
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in spec["volumes"]}


@overlays
def test_no_claim_and_no_network_peer_is_missing(overlay: str, built: Built) -> None:
    items = built(overlay)
    claims = {item["metadata"]["name"] for item in items if item["kind"] == "PersistentVolumeClaim"}
    for template in pod_templates(items):
        for volume in template["spec"]["volumes"]:
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in claims
        labels = named(items, "NetworkPolicy", "ray")["spec"]["podSelector"]["matchLabels"]
        assert labels.items() <= template["metadata"]["labels"].items()


@overlays
def test_nothing_is_asked_of_the_head(overlay: str, built: Built) -> None:
    items = built(overlay)
    for item in ray_objects(items):
        assert cluster_spec(item)["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for name in ("examine", "tune", "route"):
        assert named(items, "RayJob", name)["spec"]["entrypointNumCpus"] == 1


@overlays
def test_a_head_may_be_lost(overlay: str, built: Built) -> None:
    items = built(overlay)
    port = named(items, "Service", "redis")["spec"]["ports"][0]["port"]
    for item in ray_objects(items):
        options = cluster_spec(item)["gcsFaultToleranceOptions"]
        assert options["redisAddress"] == f"redis:{port}"


@overlays
def test_dashboard_and_gcs_ask_for_a_token(overlay: str, built: Built) -> None:
    for item in ray_objects(built(overlay)):
        assert cluster_spec(item)["authOptions"] == {"mode": "token"}


@overlays
def test_all_name_the_ray_that_is_installed(overlay: str, built: Built) -> None:
    import ray

    for item in ray_objects(built(overlay)):
        assert cluster_spec(item)["rayVersion"] == ray.__version__


@overlays
def test_entrypoints_are_jobs_with_settings(
    overlay: str, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = [
        settings for line in entrypoints(built(overlay)) for settings in entrypoint_settings(line)
    ]
    assert len({(settings.store, settings.zoo, settings.selector_name) for settings in found}) == 1


@overlays
def test_the_service_serves_what_the_jobs_tuned(
    overlay: str, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    items = built(overlay)
    args = serve_args(named(items, "RayService", "router"))
    (settings,) = entrypoint_settings(named(items, "RayJob", "tune")["spec"]["entrypoint"])
    assert (args.store, args.zoo) == (settings.store, settings.zoo)
    assert (args.selector_name, args.router) == (settings.selector_name, settings.router)


def test_the_tuning_job_gets_all_its_gpus_in_one_pod(built: Built) -> None:
    tuning = load(Settings, ROOT / "manifests" / "runs" / "paper.yaml").tuning
    job = named(built("gpu"), "RayJob", "tune")
    group = cluster_spec(job)["workerGroupSpecs"][1]
    assert tuning.use_gpu
    assert limits(group)["nvidia.com/gpu"] == str(tuning.workers)
    assert limits(group)["cpu"] == str(tuning.workers * (tuning.cpus_per_worker + 1))
    assert group["groupName"] == f"gpu-{tuning.workers}"


def without(item: Object, path: str) -> Object:
    left = deepcopy(item)
    *parents, last = path.split(".")
    at: Any = left
    for key in parents:
        at = at[int(key) if isinstance(at, list) else key]
    del at[last]
    return left


@pytest.mark.shared
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("RayService", "spec.rayClusterConfig"),
        ("RayService", "spec.rayClusterConfig.headGroupSpec"),
        ("RayService", "spec.rayClusterConfig.headGroupSpec.template.spec.containers"),
        ("RayService", "spec.rayClusterConfig.workerGroupSpecs.0.template"),
        ("RayCluster", "spec.workerGroupSpecs.0.groupName"),
        ("RayCluster", "spec.workerGroupSpecs.0.template.spec.containers.0.name"),
        ("RayCluster", "spec.workerGroupSpecs.0.template.spec.volumes.0.name"),
        ("RayCronJob", "spec.schedule"),
        ("RayCronJob", "spec.jobTemplate"),
    ],
)
def test_a_missing_value_fails_in_validation(kind: str, path: str, built: Built) -> None:
    need_crds()
    (item,) = [item for item in built("cpu-demo") if item["kind"] == kind]
    with pytest.raises(ValidationError, match="is a required property"):
        check_crd(without(item, path))


@pytest.mark.parametrize("key", ["store", "zoo", "selector_name"])
def test_a_missing_argument_of_the_router_fails_in_validation(key: str, built: Built) -> None:
    service = named(built("cpu-demo"), "RayService", "router")
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    del config["applications"][0]["args"][key]
    service["spec"]["serveConfigV2"] = yaml.safe_dump(config)
    with pytest.raises(SettingsError, match=f"key '{key}': is needed, but missing"):
        serve_args(service)


@pytest.mark.shared
def test_a_key_that_kuberay_does_not_know_fails_in_validation(built: Built) -> None:
    need_crds()
    (item,) = [item for item in built("cpu-demo") if item["kind"] == "RayCluster"]
    item["spec"]["headGroup"] = {}
    with pytest.raises(ValidationError, match="'headGroup' was unexpected"):
        check_crd(item)


@pytest.mark.parametrize(("overlay", "run"), [("cpu-demo", "fast"), ("gpu", "paper")])
def test_overlays_have_the_groups_and_pods_that_their_runs_need(
    overlay: str,
    run: str,
    built: Built,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    (text,) = manifest.run(load(manifest.ManifestSettings, f"manifests/runs/{run}.yaml")).lines
    written = yaml.safe_load(text)
    service = named(built(overlay), "RayService", "router")
    assert serve_args(written) == serve_args(service)
    groups = cluster_spec(service)["workerGroupSpecs"]
    for needed, found in zip(cluster_spec(written)["workerGroupSpecs"], groups, strict=True):
        for key in ("groupName", "minReplicas", "maxReplicas", "resources"):
            assert needed.get(key) == found.get(key)
    for needed, found in zip(pod_templates([written]), pod_templates([service]), strict=True):
        for template in (needed, found):  # the demo asks for less than it may take
            del template["spec"]["containers"][0]["resources"]["requests"]
        assert needed == found


def limits(group: Object) -> Object:
    (container,) = group["template"]["spec"]["containers"]
    found: Object = container["resources"]["limits"]
    return found


@pytest.mark.shared
def test_a_written_service_is_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need_crds()
    monkeypatch.chdir(ROOT)
    (tmp_path / "zoo.yaml").write_text(TYPED)
    overrides = [f"zoo={tmp_path / 'zoo.yaml'}", "image=registry.example/model-sat:1"]
    settings = load(manifest.ManifestSettings, "manifests/runs/paper.yaml", overrides)
    (text,) = manifest.run(settings).lines
    written = yaml.safe_load(text)
    check_crd(written)
    for template in pod_templates([written]):
        check_kubernetes(pod_template(template))
        assert template["spec"]["containers"][0]["image"] == "registry.example/model-sat:1"
    _, any_gpu, typed = cluster_spec(written)["workerGroupSpecs"]
    assert (any_gpu["groupName"], any_gpu["maxReplicas"]) == ("gpu-1", 1)  # the selector
    assert (typed["groupName"], typed["maxReplicas"]) == ("h100-4", 2)
    assert limits(typed)["nvidia.com/gpu"] == "4"


def test_metrics_are_scraped_and_shown(built: Built) -> None:
    items = built("gpu")
    monitor = named(items, "PodMonitor", "model-sat")["spec"]
    (port, *_) = [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]]
    for template in pod_templates(items):
        assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert port in {found["name"] for found in template["spec"]["containers"][0]["ports"]}
    dashboard = named(items, "ConfigMap", "model-sat-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["model-sat.json"])["panels"]
