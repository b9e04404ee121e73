"""Imports outcomes that other tools wrote or published: ``model-sat import``."""

from typing import Annotated

import typer

from cluster.errors import SettingsError
from jobs.console import Result


def run(
    format: Annotated[str | None, typer.Argument(metavar="FORMAT", help="see --list")] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE... [KEY=VALUE...]",
            help="files, folders, zip or tar archives; and what the format shall be told",
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="FOLDER", help="where outcomes go")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="replace an older import")] = False,
    list_: Annotated[bool, typer.Option("--list", help="list formats and their keys")] = False,
) -> Result:
    """Puts questions.parquet and outcomes.parquet into a folder; tells what was left out."""
    from dataclasses import asdict

    from actors.examiner.importers.destination import import_outcomes
    from actors.examiner.importers.registry import all_importers, find_importer

    if list_:
        known = all_importers().values()
        return Result(
            {each.name: {"summary": each.summary, "keys": each.uses} for each in known},
            [
                f"{each.name:<16}{each.summary}\n{'':<16}keys: {', '.join(each.uses)}"
                for each in known
            ],
        )
    sources = [each for each in arguments or [] if not _is_setting(each)]
    if format is None or not sources or to is None:
        raise SettingsError(
            "import needs a format, a source and a folder, as in: model-sat import table "
            "outcomes.csv --to ours; formats: model-sat import --list"
        )
    importer = find_importer(format)
    settings = importer.settings([each for each in arguments or [] if _is_setting(each)])
    tally = import_outcomes(importer, sources, to, settings, replace)
    return Result(
        asdict(tally),
        [
            f"{tally.outcomes} outcomes of {tally.models} models in {tally.questions} questions, "
            f"from {tally.documents} files",
            *(
                f"left out {left.rows}: {reason} (first: {left.first})"
                for reason, left in tally.left_out.items()
            ),
            f"outcomes: {to}",
        ],
    )


def _is_setting(argument: str) -> bool:
    """``key=value``; a file whose name looks like it is given as ./NAME."""
    key, equals, _ = argument.partition("=")
    return bool(equals) and key.replace(".", "").replace("_", "").isalnum()


if __name__ == "__main__":
    from jobs.cli import run_job

    run_job("import")
