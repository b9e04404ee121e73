"""Writes the RayService that serves a run's zoo on Kubernetes, for KubeRay."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result

BASE = Path("manifests/kuberay/base")  # pods are described there


class ManifestSettings(Settings):
    """Settings of a run, and the image that serves it."""

    image: str | None = Field(
        None, min_length=1, description="of all pods; null: model-sat:gpu, without GPUs :cpu"
    )


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay readable; nothing is an alias of anything."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def run(settings: ManifestSettings) -> Result:
    """Tells it as YAML; what it mounts and asks is set up by an overlay of manifests/kuberay."""
    from actors.router.manifest import built_image, deployments, ray_service, worker_groups
    from actors.router.rules import operator_rules
    from cluster.settings import read_yaml
    from cluster.zoo import load_zoo

    zoo = load_zoo(settings.zoo)
    operator_rules(zoo, settings.router)  # what the application would refuse is refused here
    service, cluster = read_yaml(BASE / "router.yaml"), read_yaml(BASE / "cluster.yaml")
    groups = worker_groups(deployments(zoo, settings.router))
    image = settings.image or built_image(groups)
    written = ray_service(settings, groups, image, service, cluster)
    return Result(written, [yaml.dump(written, Dumper=_Dumper, sort_keys=False).rstrip()])


if __name__ == "__main__":
    run_job("manifest")
