"""Shows which candidate runs where, its replicas, its health, and how old its card is."""

from typing import Annotated

import typer

from jobs.cli import Overrides, RunFile, run_job


def run(
    run: RunFile,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> None:
    """Prints a line for each candidate, the selector and the ingress."""
    import json

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from cluster.settings import Settings, load
    from cluster.zoo import load_zoo
    from jobs.ray_session import running_cluster

    settings = load(Settings, run, overrides or ())
    zoo = load_zoo(settings.zoo)
    with running_cluster(settings.ray):
        from actors.router.status import status, table

        rows = status(settings, zoo)
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=2))
        return
    heading, *lines = table(rows)
    shown = Table(*heading, box=box.SIMPLE_HEAD)
    for line in lines:
        shown.add_row(*line)
    Console(soft_wrap=True).print(shown)


if __name__ == "__main__":
    run_job("status")
