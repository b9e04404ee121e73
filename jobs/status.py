"""Shows which candidate runs where, its replicas, its health, and how old its card is."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Tells it of every candidate, the selector and the ingress."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from actors.router.status import status, table
    from cluster.zoo import load_zoo
    from jobs.ray_session import running_cluster

    zoo = load_zoo(settings.zoo)
    with running_cluster(settings.ray):
        rows = status(settings, zoo)
    heading, *lines = table(rows)
    shown = Table(*heading, box=box.SIMPLE_HEAD)
    for line in lines:
        shown.add_row(*line)
    console = Console(soft_wrap=True)
    with console.capture() as printed:
        console.print(shown)
    return Result({"parts": [row.as_json() for row in rows]}, [printed.get().rstrip()])


if __name__ == "__main__":
    run_job("status")
