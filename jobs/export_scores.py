"""Writes the selector's scores of a data set of instructions, and its choices, as one table."""

from typing import Annotated

import typer

from jobs.console import Result


def run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="settings file, as in manifests/runs/")],
    to: Annotated[
        str, typer.Option(metavar="FILE", help="where to: ends in .parquet, .csv or .jsonl")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="such as routing.instructions=FILE"),
    ] = None,
) -> Result:
    """Tells how often each candidate was chosen."""
    import io
    from collections import Counter

    from actors.router.exporting import exported_scores, writer_of
    from cluster.settings import Settings, load
    from cluster.store import Store, local_path
    from cluster.zoo import load_zoo

    settings = load(Settings, run, overrides or ())
    place, write = local_path(to), writer_of(to)  # told before anything is scored
    table = exported_scores(load_zoo(settings.zoo), settings, Store(settings.store))
    sink = io.BytesIO()
    write(table, sink)
    Store(str(place.parent)).write_bytes(place.name, sink.getvalue())
    chosen = Counter(table["choice"].to_pylist())
    return Result(
        {"file": str(place), "instructions": table.num_rows, "chosen": dict(chosen)},
        [
            *(f"{id}: chosen for {count}" for id, count in chosen.most_common()),
            f"scores of {table.num_rows} instructions: {to}",
        ],
    )


if __name__ == "__main__":
    from jobs.cli import run_job

    run_job("export-scores")
