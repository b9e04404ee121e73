"""The whole way in small: prepare, examine, tune, serve, ask ten instructions."""

import logging
from collections.abc import Iterator
from typing import Any

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result

INSTRUCTIONS = (
    "What is 17 + 26?",
    "Name the capital of Japan.",
    "Write one sentence about autumn.",
    "Which is heavier: a kilogram of iron or a gram of gold?",
    "Translate into Spanish: good morning.",
    "What does this Python line print: print(len('router'))",
    "Is a whale a fish or a mammal?",
    "Give a word that means the opposite of 'ancient'.",
    "If all roses are flowers, and this is a rose, is it a flower?",
    "Spell the word 'rhythm' backwards.",
)

log = logging.getLogger(__name__)


def run(settings: Settings) -> Result:
    """Ends with the table of instruction, scores, chosen candidate and answer."""
    from rich.console import Console

    from actors.router.app import serving
    from jobs import examine_candidates, prepare_models, tune_selector
    from jobs.ray_session import ray_session

    _step("1/4 models", prepare_models.run(settings))
    with ray_session(settings.ray):
        _step("2/4 aptitude test", examine_candidates.run(settings))
        _step("3/4 tuning", tune_selector.run(settings))
        model = settings.router.auto_name
        log.info("4/4 serving, and ten instructions for model '%s'", model)
        with serving(settings) as url:
            answers = list(ask(url, model))
    console = Console()
    if not console.is_terminal:
        console.width = 160  # a log has no width of its own
    with console.capture() as shown:
        console.print(answers_table(answers))
    return Result({"answers": answers}, [shown.get().rstrip("\n")])


def _step(name: str, result: Result) -> None:
    log.info("%s", "\n  ".join([name, *result.lines]))


def ask(url: str, model: str) -> Iterator[dict[str, Any]]:
    """Asks each instruction with the official client; answers, and why they are whose they are."""
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key="none", timeout=300)
    for instruction in INSTRUCTIONS:
        reply = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": instruction}],
            max_tokens=24,
            temperature=0,
        )
        choice: dict[str, Any] = (reply.model_extra or {})["model_sat"]
        answer = reply.choices[0].message.content or ""
        yield {"instruction": instruction, "answer": " ".join(answer.split()), **choice}


def answers_table(answers: list[dict[str, Any]]) -> Any:
    """A rich table with a row for each answer."""
    from rich.table import Table

    ids = sorted(answers[0]["scores"])
    table = Table("instruction", *(f"P('Yes') {id}" for id in ids), "chosen", "answer")
    for row in answers:
        scores = (f"{row['scores'][id]:.3f}" for id in ids)
        passed_over = [f"{id}: {why}" for id, why in row["passed_over"].items()]
        chosen = "\n".join([row["candidate"], *passed_over])
        table.add_row(row["instruction"], *scores, chosen, row["answer"])
    return table


if __name__ == "__main__":
    run_job("demo")
