"""Serves all candidates of the zoo behind one OpenAI-compatible address, until interrupted."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Blocks until SIGINT or SIGTERM, then stops the application."""
    import logging
    import signal
    import threading
    from contextlib import ExitStack

    from actors.candidate.fitting import check_all_fit
    from actors.router.app import serving
    from actors.router.manifest import claims
    from cluster.zoo import load_zoo
    from jobs.ray_session import ray_session

    stopped = threading.Event()
    with ExitStack() as stack:
        nodes = stack.enter_context(ray_session(settings.ray))
        check_all_fit(claims(load_zoo(settings.zoo), settings.router), nodes)
        url = stack.enter_context(serving(settings))
        for name in (signal.SIGINT, signal.SIGTERM):  # after Ray, which sets its own
            signal.signal(name, lambda *_: stopped.set())
        logging.getLogger(__name__).info(
            "serving %s (model '%s'); Ctrl-C stops it", url, settings.router.auto_name
        )
        stopped.wait()


if __name__ == "__main__":
    run_job("serve-router")
