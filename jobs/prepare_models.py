"""Puts the models that come as Python packages into the store."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Prepares every packaged model that the settings' zoo or selector names, once."""
    from actors.candidate.packaged import prepare
    from cluster.store import Store, named_models
    from cluster.zoo import load_zoo

    store = Store(settings.store)
    for name in named_models(load_zoo(settings.zoo), settings.selector):
        prepare(store, name)


if __name__ == "__main__":
    run_job("prepare-models")
