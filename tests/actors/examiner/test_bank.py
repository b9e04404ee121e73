import contextlib
import datetime
import io
import itertools
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from actors.examiner.bank import TASKS, bank_questions
from cluster.errors import UserError
from cluster.tables import QUESTIONS, check_questions, letters

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    bank: list[Row] = bank_questions(seed=7).to_pylist()
    return bank


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _right(row: Row) -> str:
    right: str = row["options"][letters(len(row["options"])).index(row["answer"])]
    return right


def test_bank_is_a_table_of_questions_grouped_by_task() -> None:
    table = bank_questions(per_task=3)
    assert check_questions(table, "bank").schema == QUESTIONS
    assert table["category"].to_pylist() == [task.name for task in TASKS for _ in range(3)]
    assert table["question_id"].to_pylist()[:3] == [f"bank/{TASKS[0].name}/{n}" for n in range(3)]
    assert set(table["dataset"].to_pylist()) == {"bank"}


def test_tasks_are_many_with_five_keywords_each() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS) >= 55
    for task in TASKS:
        assert re.fullmatch("[a-z]+(_[a-z]+)*", task.name)
        assert len({*task.keywords}) == 5, task.name
        assert all(re.fullmatch("[a-z-]+( [a-z-]+)?", word) for word in task.keywords), task.name


def test_every_task_offers_sixty_questions_and_no_prompt_stands_twice(rows: list[Row]) -> None:
    assert Counter(row["category"] for row in rows) == {task.name: 60 for task in TASKS}
    prompts = Counter(_normal(row["prompt"]) for row in rows)
    assert prompts.most_common(1)[0][1] == 1, prompts.most_common(3)


def test_all_that_the_tables_of_facts_hold_is_distinct_too() -> None:
    drafts = [d for t in TASKS for d in itertools.islice(t.draw(random.Random(1)), 400)]
    assert len(drafts) > 60 * len(TASKS)
    assert len({_normal(draft.prompt) for draft in drafts}) == len(drafts)


def test_options_are_distinct_and_few(rows: list[Row]) -> None:
    for row in rows:
        assert len(set(row["options"])) == len(row["options"]), row
        assert len(row["options"]) in range(2, 6), row
        assert all(option.strip() for option in row["options"]), row
    assert sum(len(row["options"]) == 4 for row in rows) > 0.95 * len(rows)


def test_right_option_stands_anywhere(rows: list[Row]) -> None:
    counts = Counter(row["answer"] for row in rows if len(row["options"]) == 4)
    for letter in "ABCD":
        assert counts[letter] / counts.total() == pytest.approx(0.25, abs=0.03)


def test_seed_decides_the_bank() -> None:
    assert bank_questions(10, seed=1).equals(bank_questions(10, seed=1))
    assert not bank_questions(10, seed=1).equals(bank_questions(10, seed=2))


def test_fewer_questions_are_the_beginning_of_more() -> None:
    few, more = bank_questions(5), bank_questions(12)
    beginning = [row for row in more.to_pylist() if int(row["question_id"].split("/")[2]) < 5]
    assert few.to_pylist() == beginning


def test_asking_for_more_than_there_is_names_the_task() -> None:
    with pytest.raises(UserError, match=r"^bank task '\w+' offers \d+ questions; 5000 were"):
        bank_questions(per_task=5000)
    with pytest.raises(UserError, match="per_task must be at least 1; found 0"):
        bank_questions(per_task=0)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text)]


def _arithmetic(prompt: str) -> str:
    expression = prompt.removeprefix("What is ").removeprefix("the value of ").rstrip("?")
    assert re.fullmatch(r"[\d+*() -]+", expression), expression
    return str(eval(expression))


def _weekday(prompt: str) -> str:
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    today, days = re.findall("Today is (.*?)\\.", prompt)[0], _numbers(prompt)[0]
    # The first of January 2024 was a Monday.
    day = datetime.date(2024, 1, 1 + names.index(today)) + datetime.timedelta(days)
    return names[day.weekday()]


def _from_roman(prompt: str) -> str:
    values = [dict(zip("IVXLCDM", (1, 5, 10, 50, 100, 500, 1000), strict=True))[c] for c in prompt]
    ahead = [*values[1:], 0]
    return str(sum(-v if v < w else v for v, w in zip(values, ahead, strict=True)))


def _printed(prompt: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(prompt.split("\n\n", 1)[1], {})
    return out.getvalue().strip()


def _count_true(found: str) -> str:
    names, formula = found.split(" make ")
    text = re.sub(r"not (\w)", r"(not \1)", formula).replace("xor", "!=").replace("implies", "<=")
    variables = names.split(", ")
    values = itertools.product((True, False), repeat=len(variables))
    return str(sum(eval(text, {}, dict(zip(variables, row, strict=True))) for row in values))


def _times(found: str) -> str:
    letter, text = re.findall("(.) occur in '(.*)'", found)[0]
    return str(Counter(text)[letter])


@pytest.mark.parametrize(
    ("category", "pattern", "solve"),
    [
        ("addition", "(.*)", _arithmetic),
        ("subtraction", "(.*)", _arithmetic),
        ("multiplication", "(.*)", _arithmetic),
        ("order_of_operations", "(.*)", _arithmetic),
        ("division", r"What is (\d+ divided by \d+)\?", lambda p: str(Fraction(*_numbers(p)))),
        (
            "division",
            "What is the remainder when (.*)",
            lambda p: str(_numbers(p)[0] % _numbers(p)[1]),
        ),
        (
            "percentages",
            r"What is (\d+% of \d+)\?",
            lambda p: str(Fraction(_numbers(p)[0], 100) * _numbers(p)[1]),
        ),
        ("fractions", r"What is (\d+/\d+) in lowest terms\?", lambda p: str(Fraction(p))),
        ("statistics", "What is the median of (.*)", lambda p: str(statistics.median(_numbers(p)))),
        ("statistics", "What is the mode of (.*)", lambda p: str(statistics.mode(_numbers(p)))),
        ("binary_numbers", "number is binary ([01]+)", lambda p: str(int(p, 2))),
        ("hexadecimal_numbers", "number is hexadecimal (\\w+)", lambda p: str(int(p, 16))),
        ("roman_numerals", "is the Roman numeral (\\w+)", _from_roman),
        ("calendar_dates", "(Today is .*)", _weekday),
        ("reversing", "What is '(.*)' spelled backwards", lambda p: "".join(reversed(p))),
        ("counting_letters", "the letter (. occur in '.*')", _times),
        ("truth_tables", "assignments of true and false to (.*) true\\?", _count_true),
        ("code_loops", "(?s)(.*)", _printed),
        ("code_lists", "(?s)(.*)", _printed),
        ("code_strings", "(?s)(.*)", _printed),
        ("code_dictionaries", "(?s)(.*)", _printed),
        ("code_operators", "(?s)(.*)", _printed),
        ("code_functions", "(?s)(.*)", _printed),
    ],
)
def test_computed_answers_are_right(
    rows: list[Row], category: str, pattern: str, solve: Callable[[str], str]
) -> None:
    of_task = [row for row in rows if row["category"] == category]
    found = [(row, re.search(pattern, row["prompt"])) for row in of_task]
    solved = [(_right(row), solve(match[1])) for row, match in found if match]
    assert len(solved) >= 8
    assert [right for right, _ in solved] == [answer for _, answer in solved]


def test_exactly_one_string_matches_each_pattern(rows: list[Row]) -> None:
    for row in rows:
        if row["category"] == "regular_expressions":
            pattern = row["prompt"].split("`")[1]
            assert [o for o in row["options"] if re.fullmatch(pattern, o)] == [_right(row)]


def test_exactly_one_word_is_made_of_the_scrambled_letters(rows: list[Row]) -> None:
    for row in rows:
        if row["category"] == "anagrams":
            scrambled = sorted(row["prompt"].split("'")[1])
            assert [o for o in row["options"] if sorted(o) == scrambled] == [_right(row)]


def test_facts_are_asked_both_ways() -> None:
    drafts = {d.prompt: d for t in TASKS for d in itertools.islice(t.draw(random.Random(0)), 400)}
    assert drafts["What is the capital of Norway?"].right == "Oslo"
    assert drafts["Oslo is the capital of what country?"].right == "Norway"
    # Several of the cities lie on the Danube, so it is asked for but never asked about.
    assert drafts["Which of these rivers does Vienna lie on?"].right == "Danube"
    assert not any("river Danube" in prompt for prompt in drafts)
