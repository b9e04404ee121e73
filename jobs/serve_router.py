"""Serves all candidates of the zoo behind one OpenAI-compatible address, until interrupted."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Blocks until SIGINT or SIGTERM, then stops the application."""
    import signal
    import threading

    from actors.router.app import serving
    from jobs.ray_session import ray_session

    stopped = threading.Event()
    with ray_session(settings.ray), serving(settings) as url:
        for name in (signal.SIGINT, signal.SIGTERM):  # after Ray, which sets its own
            signal.signal(name, lambda *_: stopped.set())
        print(f"serving {url} (model '{settings.router.auto_name}'); Ctrl-C stops it", flush=True)
        stopped.wait()


if __name__ == "__main__":
    run_job("serve-router")
