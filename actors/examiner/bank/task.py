"""What a task of the bank is, and the makers that turn rules or tables of facts into questions.

A draw yields drafts with distinct prompts, in an order its generator decides. Rules compute
their questions and go on until nothing new turns up; tables of facts are asked through once.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import UserError
from cluster.tables import letters

# A rule that repeats itself this often in a row has no more to ask.
_PATIENCE = 400
# How many neighbours in a table of facts, the answer among them, may stand as options.
_NEARBY = 9


@dataclass(frozen=True)
class Draft:
    """A question whose options have no order yet."""

    prompt: str
    right: str
    wrong: tuple[str, ...]

    def __post_init__(self) -> None:
        options = {self.right, *self.wrong}
        assert 2 <= len(options) == len(self.wrong) + 1 <= 5, self


Rule = Callable[[random.Random], Draft]
Draw = Callable[[random.Random], Iterator[Draft]]
Keywords = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Task:
    """One thing the bank can test, and where its questions come from."""

    name: str
    keywords: Keywords
    draw: Draw

    def rows(self, count: int, seed: int) -> list[dict[str, Any]]:
        """The task's first ``count`` questions for ``seed``, as rows of QUESTIONS.

        Raises:
            UserError: the task has fewer than ``count`` questions.
        """
        rng = random.Random(f"{seed}/{self.name}")
        drafts = itertools.islice(self.draw(rng), count)
        rows = [self._row(number, draft, rng) for number, draft in enumerate(drafts)]
        if len(rows) < count:
            raise UserError(
                f"bank task '{self.name}' offers {len(rows)} questions; {count} were asked for"
            )
        return rows

    def _row(self, number: int, draft: Draft, rng: random.Random) -> dict[str, Any]:
        options = rng.sample([draft.right, *draft.wrong], k=len(draft.wrong) + 1)
        return {
            "question_id": f"bank/{self.name}/{number}",
            "dataset": "bank",
            "category": self.name,
            "keywords": list(self.keywords),
            "prompt": draft.prompt,
            "options": options,
            "answer": letters(len(options))[options.index(draft.right)],
        }


def pick(rng: random.Random, prompt: str, right: str, pool: Iterable[str]) -> Draft:
    """A draft whose up to three wrong options come at random from ``pool``."""
    others = [other for other in dict.fromkeys(pool) if other != right]
    return Draft(prompt, right, tuple(rng.sample(others, k=min(3, len(others)))))


def first_three(prompt: str, right: str, wrong: Iterable[str]) -> Draft:
    """A draft with the first three of ``wrong`` that differ from ``right`` and each other."""
    others = (other for other in dict.fromkeys(wrong) if other != right)
    return Draft(prompt, right, tuple(itertools.islice(others, 3)))


def numeric(rng: random.Random, prompt: str, right: int, *slips: int, form: str = "{}") -> Draft:
    """A draft with a whole number as answer, written as ``form`` says.

    ``slips`` are what likely mistakes lead to; near numbers fill up what they leave open. No
    wrong option is negative unless the right one is: the sign alone would give it away.
    """
    steps = [1, 2, 3, *([10] if abs(right) >= 20 else []), *([100] if abs(right) >= 500 else [])]
    near = [right + sign * step for step in steps for sign in (1, -1)]
    rng.shuffle(near)
    wrong = [number for number in (*slips, *near) if number >= 0 or right < 0]
    return first_three(prompt, form.format(right), map(form.format, wrong))


def generated(*rules: Rule) -> Draw:
    """Draws from the rules at random until they bring nothing new."""

    def draw(rng: random.Random) -> Iterator[Draft]:
        seen: set[str] = set()
        repeats = 0
        while repeats < _PATIENCE:
            draft = rng.choice(rules)(rng)
            # As readers see it: case and white space make no other question.
            key = " ".join(draft.prompt.casefold().split())
            repeats = repeats + 1 if key in seen else 0
            if not repeats:
                seen.add(key)
                yield draft

    return draw


def each(items: Iterable[str], ask: Callable[[random.Random, str], Draft]) -> Draw:
    """Asks one question about each item."""
    every = list(items)

    def draw(rng: random.Random) -> Iterator[Draft]:
        for item in rng.sample(every, k=len(every)):
            yield ask(rng, item)

    return draw


def one_way(table: Mapping[str, str], prompt: str) -> Draw:
    """Asks for the value of each key; wrong options are values from nearby in the table.

    So a table should hold like beside like: what misleads best is what resembles the answer.
    """
    values = list(dict.fromkeys(table.values()))

    def ask(rng: random.Random, key: str) -> Draft:
        place = values.index(table[key])
        start = max(0, min(place - _NEARBY // 2, len(values) - _NEARBY))
        return pick(rng, prompt.format(key), table[key], values[start : start + _NEARBY])

    return each(table, ask)


def both_ways(table: Mapping[str, str], forward: str, backward: str) -> Draw:
    """Asks for the value of each key, and for the key of each value that only one key has."""
    counts = Counter(table.values())
    inverse = {value: key for key, value in table.items() if counts[value] == 1}
    return together(one_way(table, forward), one_way(inverse, backward))


def together(*draws: Draw) -> Draw:
    """Shuffles the drafts of several tables of facts."""

    def draw(rng: random.Random) -> Iterator[Draft]:
        drafts = [draft for one in draws for draft in one(rng)]
        yield from rng.sample(drafts, k=len(drafts))

    return draw


def word_list(text: str) -> list[str]:
    """The words of ``text``; a list that stays readable when it is long."""
    return text.split()


def facts(text: str) -> dict[str, str]:
    """The table written as ``key: value`` entries, one a line or parted by ``|``."""
    entries = [entry.split(":", 1) for entry in re.split(r"[|\n]", text) if entry.strip()]
    table = {key.strip(): value.strip() for key, value in entries}
    assert len(table) == len(entries), "a key stands twice"
    return table


def members(text: str) -> dict[str, str]:
    """The class of each member, from ``class: member, member`` lines; a last comma goes on."""
    classes = facts(re.sub(r",\s*\n", ", ", text))
    pairs = [(name.strip(), kind) for kind, all_ in classes.items() for name in all_.split(",")]
    assert len(dict(pairs)) == len(pairs), "a member stands in two classes"
    return dict(pairs)
