"""What tests of several roles share: a Ray cluster on this machine, real models, a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.store import Store
from tests.browser import DRIVER, Browser, chromium

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A local Ray whose CPUs are logical, so that many light actors fit on few cores."""
    import ray

    ray.init(
        num_cpus=16,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def laptop_models() -> Store:
    """A store with the packaged models; kept in build/, for preparing them takes a minute."""
    from actors.candidate.packaged import PACKAGED, prepare

    store = Store(str(ROOT / "build" / "test-store"))
    for name in PACKAGED:
        prepare(store, name)
    return store


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    if DRIVER is None:
        pytest.skip("chromedriver is not installed")
    with chromium(tmp_path_factory.mktemp("chromium")) as window:
        yield window
