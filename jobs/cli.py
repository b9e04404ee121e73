"""The console command ``model-sat VERB`` and the way every job is called.

A job is a module of this package with a function ``run(settings)``, whose annotation says as what
the settings file is read. ``python -m jobs.NAME`` and ``model-sat VERB`` are the same: a settings
file, then ``key=value`` overrides. Roles are imported inside ``run``, so that ``--help`` answers at
once.

``COMMANDS`` are verbs that work on files rather than on a run: their module has a function
``command`` with arguments of its own.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from cluster.errors import UserError
from cluster.settings import load

VERBS = {
    "prepare-models": "Put the models that come as Python packages into the store.",
    "examine-candidates": "Give the aptitude test to every candidate of the zoo.",
    "tune-selector": "Tune a selector on the outcomes of the exam.",
    "serve-router": "Serve all candidates behind one OpenAI-compatible address.",
    "route-dataset": "Route and answer a whole data set of instructions.",
    "quality-cost": "What a threshold of policy cheapest-above buys, on held-out outcomes.",
    "assess": "Measure selection on past outcomes: accuracy, intervals, a report with plots.",
    "demo": "The whole way in small: examine, tune, serve, ask.",
}

COMMANDS = {
    "import": ("import_outcomes", "Import outcomes that other tools wrote or published."),
    "check": (
        "check_outcomes",
        "Gaps, duplicates and leaks in outcomes, and what is to be gained.",
    ),
}

RunFile = Annotated[
    str, typer.Argument(metavar="RUN", help="settings file, as in manifests/runs/ or assess/")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="settings to override")
]


def main() -> None:
    """``model-sat VERB RUN [KEY=VALUE ...]``."""
    app = typer.Typer(
        help="Model-SAT on Ray: chooses, per instruction, which language model should answer it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for verb, summary in VERBS.items():
        app.command(verb, help=summary)(_command(f"jobs.{verb.replace('-', '_')}"))
    for verb, (_, summary) in COMMANDS.items():
        app.command(verb, help=summary)(_own_command(verb))
    app()


def run_job(verb: str) -> None:
    """``python -m jobs.NAME``: the same as ``model-sat VERB``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=VERBS[verb])(_command(f"jobs.{verb.replace('-', '_')}"))
    app()


def run_command(verb: str) -> None:
    """``python -m jobs.NAME`` of a verb with arguments of its own."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=COMMANDS[verb][1])(_own_command(verb))
    app()


def _own_command(verb: str) -> Callable[..., None]:
    """The function ``command`` of a module; its errors become one line."""
    command: Callable[..., None] = importlib.import_module(f"jobs.{COMMANDS[verb][0]}").command

    @functools.wraps(command)
    def told(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(2) from error

    return told


def _command(module: str) -> Callable[[str, list[str] | None], None]:
    def command(run: RunFile, overrides: Overrides = None) -> None:
        try:
            job: Callable[[Any], None] = importlib.import_module(module).run
            job(load(get_type_hints(job)["settings"], run, overrides or ()))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(2) from error

    return command
