"""Says what to know of outcomes before a selector is tuned on them: ``model-sat check``."""

from typing import Annotated

import typer

from jobs.console import Result


def run(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER...", help="hold questions.parquet, outcomes.parquet"),
    ],
    tasks: Annotated[
        str, typer.Option(metavar="COLUMN", help="of the questions: their category")
    ] = "category",
    models: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="look at these models only")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="FILE", help="write all findings there, as JSON")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="write a page for browsers there")
    ] = None,
) -> Result:
    """Tells gaps, models and questions that stand there twice, and what could be gained."""
    import json

    from rich.console import Console

    from actors.assessor import check_text
    from actors.assessor.check import check
    from actors.assessor.check_page import check_page
    from cluster.store import Store, local_path

    places = {name: local_path(name) for name in (to, html) if name is not None}
    checked = check(folders, tasks, None if models is None else models.split(","))
    found = check_text.as_json(checked)
    written = {to: found} if to is not None else {}
    if html is not None:
        written[html] = check_page(checked)
    for name, text in written.items():
        place = places[name]
        Store(str(place.parent)).write_bytes(place.name, text.encode())
    console = Console(soft_wrap=True)
    with console.capture() as shown:
        check_text.show(checked, console)
    return Result(json.loads(found), [shown.get().rstrip("\n")])


if __name__ == "__main__":
    from jobs.cli import run_job

    run_job("check")
