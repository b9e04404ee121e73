from typing import Any

import pytest

from actors.examiner.bank import bank_questions
from actors.examiner.marking import chosen_letter, has_answer, mark
from cluster.settings import Marking
from cluster.tables import letters

CITIES = ["Rome", "Paris", "Madrid", "New York"]
NUMBERS = ["15", "56", "5", "-56"]
TWELVE = ["12", "10", "13", "14"]
SIGNED = ["5", "-5", "10", "-10"]
WINDS = ["west", "south-west", "south", "north"]
WORDS = ["a cat", "one thing", "cats", "none of the above"]


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("B", CITIES, "B"),
        ("b", CITIES, "B"),
        (" B\n", CITIES, "B"),
        ("(b)", CITIES, "B"),
        ("(B) Paris", CITIES, "B"),
        ("B.", CITIES, "B"),
        ("b) Paris", CITIES, "B"),
        ("B: Paris", CITIES, "B"),
        ("B - Paris", CITIES, "B"),
        ("B\n\nBecause Paris is the capital of France, not A.", CITIES, "B"),
        ("**B**", CITIES, "B"),
        ("**B.** Paris", CITIES, "B"),
        ("B because it is the capital", CITIES, "B"),
        ("B Paris", CITIES, "B"),
        ("A because it is the capital", CITIES, "A"),
        ("A Rome", CITIES, "A"),
        ("A is right", CITIES, "A"),
        ("A", CITIES, "A"),
        ("A.", CITIES, "A"),
        ("The answer is B", CITIES, "B"),
        ("The answer is B because A is wrong.", CITIES, "B"),
        ("The correct answer is (b).", CITIES, "B"),
        ("The correct answer is: **C**", CITIES, "C"),
        ("The answer is option D.", CITIES, "D"),
        ("Answer: C", CITIES, "C"),
        ("answer: c", CITIES, "C"),
        ("ANSWER = A", CITIES, "A"),
        ("The answer is C because option A is too small.", CITIES, "C"),
        ("Option A is too small. The answer is D.", CITIES, "D"),
        ("Let us see. The answer is A. No: the answer is B.", CITIES, "B"),
        ("I choose C.", CITIES, "C"),
        ("I think it is D.", CITIES, "D"),
        ("I think it's A.", CITIES, "A"),
        ("A. Rome\n\nThe correct answer is D.", CITIES, "D"),
        ("\\boxed{D}", CITIES, "D"),
        ("Hence $\\boxed{\\text{B}}$.", CITIES, "B"),
        ("So \\boxed{(C)}", CITIES, "C"),
        ("Paris", CITIES, "B"),
        ("paris.", CITIES, "B"),
        ("It is Paris.", CITIES, "B"),
        ("The capital is New York", CITIES, "D"),
        ("56", NUMBERS, "B"),
        ("5", NUMBERS, "C"),
        ("-56", NUMBERS, "D"),
        ("7 times 8 is 56", NUMBERS, "B"),
        ("The result (B) is right", CITIES, "B"),
        ("C", ["B", "C", "A", "D"], "C"),
        # The article is no answer, and several options are none.
        ("A good question is hard to answer.", CITIES, None),
        ("A city in Europe", CITIES, None),
        ("a city", CITIES, None),
        ("I am not sure", [*CITIES, "e", "f", "g", "h", "Bonn"], None),
        ("Rome or Paris", CITIES, None),
        ("A good question: Paris!", CITIES, "B"),
        ("A cat", WORDS, "A"),
        ("The answer is a cat", WORDS, "A"),
        ("Berlin", CITIES, None),
        ("", CITIES, None),
        ("E", CITIES, None),
        ("Be careful", CITIES, None),
        ("Don't know", CITIES, None),
        ("C'est la vie", CITIES, None),
        # What an explanation says of other options is not what is chosen.
        ("B) Paris\n\nOption A (Rome) is wrong, as it lies in Italy.", CITIES, "B"),
        ("C\n\nExplanation: Option A is wrong, option B is not the capital.", CITIES, "C"),
        ("B is correct. Option D is not.", CITIES, "B"),
        ("Correct Option: C\nOption A is false.", CITIES, "C"),
        ("The correct option is C. Option A is in Italy.", CITIES, "C"),
        ("Option B is right. Option A lies in Italy.", CITIES, "B"),
        ("Option A is Rome. Option B is in France. So option B.", CITIES, "B"),
        ("Option A is too small, so I choose D. Option C is larger.", CITIES, "D"),
        ("B is wrong, so I choose C.", CITIES, "C"),
        ("Answer B is right. Answer A isn't.", CITIES, "B"),
        ("C is not a city of Italy.", CITIES, "C"),
        ("Option C isn't in Italy, D is.", CITIES, "D"),
        # Nor does a hedge choose.
        ("A or B", CITIES, None),
        ("(a) or (b)", CITIES, None),
        ("A/B", CITIES, None),
        ("A, B", CITIES, None),
        ("B, C and D", CITIES, None),
        ("The answer is A or B.\n\nC is wrong.", CITIES, None),
        ("I choose option B or option C.", CITIES, None),
        ("The answer is (A) and (B) and (C), Paris.", CITIES, None),
        ("It is B or D. The answer is D.", CITIES, "D"),
        ("The answer is B and A is wrong.", CITIES, "B"),
        ("About 80 \u00b0C, or option (B).", ["78 \u00b0C", "81 \u00b0C", "90 \u00b0C"], "B"),
        ("B, and I am sure", [*CITIES, "e", "f", "g", "h", "Bonn"], "B"),
        ("The answer is A and B.", ["red", "blue", "A and B", "none"], "C"),
        ("Both A and B", ["red", "blue", "both A and B", "none"], "C"),
        # Signs and fractions are part of a number, and words of a longer option are its.
        ("The result is -12.", TWELVE, None),
        ("The result is \u221212.", TWELVE, None),
        ("It is 5/12.", TWELVE, None),
        ("It is 12/5.", TWELVE, None),
        ("It is $\\frac{5}{12}$.", TWELVE, None),
        ("It is 3.12.", TWELVE, None),
        ("10-12", TWELVE, None),
        ("The result is 12.", TWELVE, "A"),
        ("It is a 12-year-old.", TWELVE, "A"),
        ("The result is 5/12.", ["12", "5/12", "5", "1"], "B"),
        ("The result is -5.", SIGNED, "B"),
        ("The result is 5.", SIGNED, "A"),
        ("It lies in the south-west.", WINDS, "B"),
        ("It lies in the west.", WINDS, "A"),
        ("South-west, or west.", WINDS, None),
        ("B\nQuestion: And of Italy?\nAnswer: A", CITIES, "B"),
    ],
)
def test_the_letter_that_a_text_chooses(text: str, options: list[str], letter: str | None) -> None:
    assert chosen_letter(text, options) == letter


def free(answer: str) -> dict[str, Any]:
    return {"options": None, "answer": answer}


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("42", "42"),
        ("42.0", "42"),
        ("The answer is 42.", "42"),
        ("6 x 7 = 42", "42"),
        ("\\boxed{42}", "42"),
        ("1,234 apples", "1234"),
        ("-3", "-3"),
        ("0.5", "1/2"),
        ("Paris", "paris"),
        ("Paris.\nIt lies on the Seine.", "Paris"),
        ("The answer is: the Seine", "Seine"),
        ("**Paris**", "Paris"),
    ],
)
def test_right_free_answers(output: str, answer: str) -> None:
    assert mark(output, free(answer)) == 1.0


@pytest.mark.parametrize(
    ("output", "answer"),
    [("41", "42"), ("", "42"), (None, "42"), ("London", "Paris"), ("not Paris", "Paris")],
)
def test_wrong_free_answers(output: str | None, answer: str) -> None:
    assert mark(output, free(answer)) == 0.0


SIGNS = [
    *("my_var", "__init__", "C#", "a*b", "2**3", "{1, 2}", "#", "()", "a\\_b"),
    *(r"\frac{1}{2}", r"\sqrt{2}", "x_{1}", "NaN", "infinity", "1e-3", ".5", "1e999"),
]


@pytest.mark.parametrize("answer", SIGNS)
@pytest.mark.parametrize("form", ["{}", "The answer is {}.", "**{}**", "${}$", r"\boxed{{{}}}"])
def test_an_answer_with_signs_is_right_however_it_is_set(form: str, answer: str) -> None:
    if form == "{}" or answer not in ("#", "()", "__init__"):
        assert mark(form.format(answer), free(answer)) == 1.0


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("C", "C#"),
        ("23", "2**3"),
        ("{12}", "{1, 2}"),
        ("5", ".5"),
        ("inf", "1e999"),
        ("0.01", "1e-3"),
    ],
)
def test_signs_that_mean_something_are_read(output: str, answer: str) -> None:
    assert mark(output, free(answer)) == 0.0


def test_options_written_out_are_told_apart_by_their_signs() -> None:
    sets = ["{1, 2, 3}", "{1, 2}", "{12}"]
    assert chosen_letter("The union is {1, 2, 3}", sets) == "A"
    assert chosen_letter("**{1, 2}**", sets) == "B"
    assert chosen_letter("It is C#", ["C", "C++", "Java", "C#"]) == "D"
    assert chosen_letter("B cells", ["B cells of the blood", "T cells", "B cells"]) == "C"


def test_every_option_of_the_bank_written_out_is_that_option() -> None:
    for question in bank_questions().to_pylist():
        if options := question["options"]:
            known = letters(len(options))
            # An option that is a letter itself stands for the option of that letter.
            texts = [option for option in options if option.upper() not in known]
            chosen = [known[options.index(text)] for text in texts]
            assert [chosen_letter(text, options) for text in texts] == chosen, question


def test_a_choice_is_marked_by_its_letter() -> None:
    question = {"options": CITIES, "answer": "B"}
    assert mark("(b)", question) == 1.0
    assert mark("The answer is C", question) == 0.0
    assert mark("no idea", question) == 0.0
    assert mark(None, question) == 0.0


def test_what_a_base_model_goes_on_to_ask_does_not_count() -> None:
    question = {"options": CITIES, "answer": "B"}
    assert mark("B\nQuestion: And of Italy?\nAnswer: A", question) == 1.0


@pytest.mark.parametrize(
    ("marking", "output", "answer", "right"),
    [
        ("auto", "First 3, then 4 makes 12", "12", True),
        ("auto", "red", "The red.", True),
        ("exact", "First 3, then 4 makes 12", "12", False),
        ("exact", "The answer is: blue", "Blue", True),
        ("numeric", "about 1,200 in all", "1200", True),
        ("numeric", "twelve", "12", False),
    ],
)
def test_free_answers_are_compared_as_asked(
    marking: Marking, output: str, answer: str, right: bool
) -> None:
    question = {"options": None, "answer": answer}
    assert mark(output, question, marking) == float(right)


def test_an_answer_is_there_or_not_whether_right_or_wrong() -> None:
    options = {"options": ["x", "y"], "answer": "A"}
    assert has_answer("B", options)
    assert not has_answer("Hard to say", options)
    free = {"options": None, "answer": "12"}
    assert has_answer("about 7", free, "numeric")
    assert not has_answer("seven", free, "numeric")
    assert not has_answer("  ", free)
