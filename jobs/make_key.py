"""Makes an API key for the router. It is shown once; only its hash goes into the file of keys."""

from typing import Annotated

import typer

from jobs.cli import run_job
from jobs.console import Result


def run(
    name: Annotated[str, typer.Argument(help="who it is for; logs and metrics call him so")],
    requests_per_minute: Annotated[
        int | None, typer.Option(help="his own limit, instead of router.guard.requests_per_minute")
    ] = None,
) -> Result:
    """Tells the key, and the line that lets it in."""
    from actors.router.keys import new_key

    key, line = new_key(name, requests_per_minute)
    return Result(
        {"key": key, "line": line},
        [f"key, shown only here: {key}", f"line for the file of keys: {line}"],
    )


if __name__ == "__main__":
    run_job("make-key")
