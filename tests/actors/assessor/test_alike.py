import numpy as np

from actors.assessor.alike import leaks, question_words, same_models, same_questions
from actors.examiner.outcomes import OutcomeMatrix


def matrix(scores: dict[str, list[float]]) -> OutcomeMatrix:
    """Outcomes of models by name, in questions without further sense."""
    count = len(next(iter(scores.values())))
    ids = [f"q{number}" for number in range(count)]
    return OutcomeMatrix(
        question_ids=ids,
        prompts=ids,
        texts=ids,
        datasets=["d"] * count,
        categories=["c"] * count,
        tasks=["c"] * count,
        candidates=list(scores),
        scores_NM=np.array(list(scores.values()), np.float32).T,
    )


def test_models_with_the_same_outcomes_are_found_whatever_the_gaps() -> None:
    rng = np.random.default_rng(0)
    first, other = rng.integers(0, 2, (2, 300)).astype(float)
    gaps, short = first.copy(), first.copy()
    gaps[::3] = np.nan
    short[40:] = np.nan  # too few questions to tell
    scores = {"first": first, "other": other, "gaps": gaps, "short": short}
    constant = {"right": np.ones(300), "wrong": np.zeros(300)}
    found = same_models(matrix({name: list(s) for name, s in (scores | constant).items()}))
    assert [(pair.first, pair.second, pair.questions) for pair in found] == [("first", "gaps", 200)]
    assert found[0].correlation > 0.999


def test_what_differs_by_rounding_alone_is_constant() -> None:
    constants = {str(value): [value] * 300 for value in (0.1, 0.3, 0.7, 0.9)}
    halves = [0.3] * 200 + [0.7] * 100  # constant where the short one was asked
    short = [0.7] * 200 + [np.nan] * 100
    assert same_models(matrix(constants | {"halves": halves, "short": short}), alike=0.1) == []
    nearly = [0.3] * 299 + [0.301]
    (pair,) = same_models(matrix({"nearly": nearly, "as nearly": nearly}))
    assert pair.correlation > 0.999


def test_the_correlation_is_that_of_numpy() -> None:
    rng = np.random.default_rng(1)
    first = rng.random(200)
    second = first + 0.1 * rng.random(200)
    (pair,) = same_models(matrix({"a": list(first), "b": list(second)}), alike=0.5)
    expected = np.corrcoef(np.float32(first), np.float32(second))[0, 1]
    np.testing.assert_allclose(pair.correlation, expected, rtol=1e-4)


def test_a_question_leaks_whatever_its_case_spacing_and_order_of_options() -> None:
    train = {"t1": question_words("Why  is it?", ["So", "Not so"]), "t2": question_words("A", None)}
    test = {"e1": question_words("why is IT?", ["not so", "so"]), "e2": question_words("A", ["B"])}
    (leak,) = leaks({"train": train, "test": test})
    assert (leak.parts, leak.questions) == (["test", "train"], ["e1", "t1"])
    assert leaks({"train": train}) == []


def test_questions_with_nearly_the_same_words_are_found() -> None:
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(words), " ".join([*words[:-1], "another"]), " ".join(words[:20]), "!", ""]
    (pair,) = same_questions(list("abcde"), texts)
    assert (pair.first, pair.second) == ("a", "b")
    assert 0.95 <= pair.similarity < 1
    assert same_questions(["a", "b"], ["", "!"]) == []


def test_near_questions_are_found_across_blocks() -> None:
    texts = [f"only{number} and alone{number}" for number in range(1200)]
    texts[1100] = texts[3]
    (pair,) = same_questions([str(number) for number in range(1200)], texts)
    assert (pair.first, pair.second) == ("3", "1100")
