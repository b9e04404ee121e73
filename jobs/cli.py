"""The console command ``model-sat VERB`` and the way every job is called.

A job is a module of this package with a function ``run(settings)``, whose annotation says as what
the settings file is read. ``python -m jobs.NAME`` and ``model-sat VERB`` are the same: a settings
file, then ``key=value`` overrides. The few that need none have arguments of their own. Roles are
imported inside ``run``, so that ``--help`` answers at once.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, get_type_hints

import typer

from cluster.errors import UserError
from cluster.settings import load

VERBS = {
    "prepare-models": "Put the models that come as Python packages into the store.",
    "examine-candidates": "Give the aptitude test to every candidate of the zoo.",
    "tune-selector": "Tune a selector on the outcomes of the exam.",
    "serve-router": "Serve all candidates behind one OpenAI-compatible address.",
    "onboard": "Have one more candidate join the serving router (candidate=ID).",
    "remove-candidate": "Have a candidate leave the serving router (candidate=ID).",
    "roll-selector": "Have another selector choose in the serving router (selector_name=NAME).",
    "route-dataset": "Route and answer a whole data set of instructions.",
    "collect-feedback": "Make outcomes of the feedback on the served router's answers.",
    "quality-cost": "What a threshold of policy cheapest-above buys, on held-out outcomes.",
    "assess": "Measure selection on past outcomes: accuracy, intervals, a report with plots.",
    "demo": "The whole way in small: examine, tune, serve, ask.",
}

# Jobs without a settings file, whose arguments are those of ``run``.
VERBS_WITH_ARGUMENTS = {
    "make-key": "Make an API key, and its line for the file of keys (router.guard.keys).",
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
    for verb, summary in (VERBS | VERBS_WITH_ARGUMENTS).items():
        app.command(verb, help=summary)(_command(verb))
    app()


def run_job(verb: str) -> None:
    """``python -m jobs.NAME``: the same as ``model-sat VERB``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=(VERBS | VERBS_WITH_ARGUMENTS)[verb])(_command(verb))
    app()


def _command(verb: str) -> Callable[..., None]:
    module = f"jobs.{verb.replace('-', '_')}"
    if verb in VERBS_WITH_ARGUMENTS:
        run_itself: Callable[..., None] = importlib.import_module(module).run
        return _mistakes_in_one_line()(run_itself)

    @_mistakes_in_one_line()
    def command(run: RunFile, overrides: Overrides = None) -> None:
        job: Callable[[Any], None] = importlib.import_module(module).run
        job(load(get_type_hints(job)["settings"], run, overrides or ()))

    return command


@contextmanager
def _mistakes_in_one_line() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
