"""Computed tasks on reasoning: syllogisms, truth tables, orders, kinship, sets, sorting."""

import itertools
import random
from collections.abc import Callable

from actors.examiner.bank.task import (
    Draft,
    Task,
    facts,
    first_three,
    generated,
    numeric,
    pick,
    word_list,
)

# Made-up kinds, so that knowledge of the world neither helps nor misleads.
_KINDS = word_list("bloops razzes lurps dreems fizzles wugs toves morks snarps quibs zorbs glims")
_NAMES = word_list("Ann Bill Cara Dan Eve Finn Gail Hank Iris Jack Kim Leo Mia Ned Olga Paul")
_WOMEN = word_list("Anna Clara Emma Greta Irma Julia Laura Maria Nora Petra")
_MEN = word_list("Adam Boris Carl David Erik Frank Georg Henry Ivan Jacob")
_ORDERS = (
    ("is taller than", "tallest", "shortest"),
    ("is older than", "oldest", "youngest"),
    ("runs faster than", "fastest", "slowest"),
    ("sits further left than", "leftmost", "rightmost"),
    ("earns more than", "best paid", "worst paid"),
)
_NOTHING = "None of the other conclusions follows"
_ALL, _NO, _SOME, _SOME_NOT = (
    "All {} are {}",
    "No {} are {}",
    "Some {} are {}",
    "Some {} are not {}",
)
# (first premise, second premise, what follows on a and c); the wrong options never hold for the
# weaker conclusions that some readers draw from "all" and "no".
_SYLLOGISMS = (
    ("All {a} are {b}", "All {b} are {c}", _ALL, (_NO, _SOME_NOT, _NOTHING)),
    ("All {a} are {b}", "No {b} are {c}", _NO, (_ALL, _SOME, _NOTHING)),
    ("All {a} are {b}", "No {c} are {b}", _NO, (_ALL, _SOME, _NOTHING)),
    ("No {a} are {b}", "All {c} are {b}", _NO, (_ALL, _SOME, _NOTHING)),
    ("Some {a} are {b}", "All {b} are {c}", _SOME, (_ALL, _NO, _NOTHING)),
    ("Some {a} are {b}", "No {b} are {c}", _SOME_NOT, (_ALL, _NO, _NOTHING)),
    ("Some {a} are not {b}", "All {c} are {b}", _SOME_NOT, (_ALL, _NO, _NOTHING)),
    ("All {a} are {b}", "All {c} are {b}", _NOTHING, (_ALL, _NO, _SOME)),
    ("Some {a} are {b}", "Some {b} are {c}", _NOTHING, (_ALL, _NO, _SOME)),
    ("No {a} are {b}", "No {b} are {c}", _NOTHING, (_ALL, _NO, _SOME)),
)


def _syllogism(rng: random.Random) -> Draft:
    a, b, c = rng.sample(_KINDS, 3)
    one, two, right, wrong = rng.choice(_SYLLOGISMS)
    premises = [premise.format(a=a, b=b, c=c) for premise in (one, two)]
    rng.shuffle(premises)
    prompt = f"{premises[0]}. {premises[1]}. What follows about {a} and {c}?"
    return Draft(prompt, right.format(a, c), tuple(form.format(a, c) for form in wrong))


_CAUSES = facts("""
    it rains: it does not rain | the alarm rings: the alarm does not ring
    the shop is open: the shop is not open | Tom studies: Tom does not study
    the train is late: the train is not late | the cat is hungry: the cat is not hungry
    the key is lost: the key is not lost | Rosa sings: Rosa does not sing
""")
_EFFECTS = facts("""
    the match is cancelled: the match is not cancelled | the dog barks: the dog does not bark
    the street is crowded: the street is not crowded | Lena smiles: Lena does not smile
    the lamp is on: the lamp is not on | the guests leave: the guests do not leave
    the price rises: the price does not rise | the door is shut: the door is not shut
""")


def _conditional(rng: random.Random) -> Draft:
    cause, no_cause = rng.choice(list(_CAUSES.items()))
    effect, no_effect = rng.choice(list(_EFFECTS.items()))
    unknown = "nothing more is certain"
    given, right = rng.choice(
        ((cause, effect), (no_effect, no_cause), (no_cause, unknown), (effect, unknown))
    )
    # What is given is no option, so that four remain whatever the right one is.
    options = [end for end in (cause, no_cause, effect, no_effect, unknown) if end != given]
    link = rng.choice(("If {}, then {}", "Whenever {}, {}"))
    prompt = f"{link.format(cause, effect)}. Now suppose that {given}. What can be concluded?"
    return pick(rng, prompt, right, options)


Formula = tuple[str, Callable[[dict[str, bool]], bool]]


def _variable(name: str) -> Formula:
    return name, lambda row: row[name]


def _negated(one: Formula) -> Formula:
    return f"not {one[0]}", lambda row: not one[1](row)


def _joined(word: str, one: Formula, two: Formula) -> Formula:
    table: dict[str, Callable[[bool, bool], bool]] = {
        "and": lambda p, q: p and q,
        "or": lambda p, q: p or q,
        "xor": lambda p, q: p != q,
        "implies": lambda p, q: not p or q,
    }
    return f"({one[0]} {word} {two[0]})", lambda row: table[word](one[1](row), two[1](row))


def _formula(rng: random.Random, names: str) -> Formula:
    """A formula in which each variable stands once, in order."""
    if len(names) > 1:
        cut = rng.randint(1, len(names) - 1)
        word = rng.choice(("and", "or", "xor", "implies"))
        one, two = _formula(rng, names[:cut]), _formula(rng, names[cut:])
        return _joined(word, one, two)
    variable = _variable(names)
    return _negated(variable) if rng.random() < 0.4 else variable


def _true_rows(formula: Formula, names: str) -> list[dict[str, bool]]:
    rows = [
        dict(zip(names, row, strict=True))
        for row in itertools.product((True, False), repeat=len(names))
    ]
    return [row for row in rows if formula[1](row)]


def _count_true(rng: random.Random) -> Draft:
    names = rng.choice(("pq", "pqr", "pqr", "pqrs"))
    formula = _formula(rng, names)
    rows, right = 2 ** len(names), len(_true_rows(formula, names))
    prompt = (
        f"How many of the {rows} assignments of true and false to {', '.join(names)} make "
        f"{formula[0]} true?"
    )
    return numeric(rng, prompt, right, rows - right)


def _assignment(row: dict[str, bool]) -> str:
    return ", ".join(f"{name} {str(value).lower()}" for name, value in row.items())


def _which_row(rng: random.Random) -> Draft:
    formula, wanted = _formula(rng, "pqr"), rng.choice((True, False))
    true_rows, every = _true_rows(formula, "pqr"), _true_rows(("", lambda _: True), "pqr")
    false_rows = [row for row in every if row not in true_rows]
    right, wrong = (true_rows, false_rows) if wanted else (false_rows, true_rows)
    if len(wrong) < 3:
        return _count_true(rng)
    prompt = f"Which assignment makes {formula[0]} {str(wanted).lower()}?"
    return pick(rng, prompt, _assignment(rng.choice(right)), map(_assignment, wrong))


def _ranking(rng: random.Random) -> Draft:
    (link, most, least), count = rng.choice(_ORDERS), rng.randint(3, 6)
    people = rng.sample(_NAMES, count)
    clues = [f"{one} {link} {two}." for one, two in itertools.pairwise(people)]
    rng.shuffle(clues)
    place = rng.randrange(count)
    steps = min(place, count - 1 - place)
    asked = ("", "second ", "third ")[steps] + (most if place == steps else least)
    prompt = f"{' '.join(clues)} Who is the {asked}?"
    return pick(rng, prompt, people[place], people)


# Relation of the first person to the third, from the relation of the first to the second and of
# the second to the third; "m" and "f" tell the first person's sex.
_KIN = {
    ("parent", "parent"): ("grandfather", "grandmother"),
    ("child", "child"): ("grandson", "granddaughter"),
    ("sibling", "parent"): ("uncle", "aunt"),
    ("child", "sibling"): ("nephew", "niece"),
    ("parent", "spouse"): ("father-in-law", "mother-in-law"),
    ("spouse", "child"): ("son-in-law", "daughter-in-law"),
    ("sibling", "spouse"): ("brother-in-law", "sister-in-law"),
}
_STEPS = {
    "parent": ("father", "mother"),
    "child": ("son", "daughter"),
    "sibling": ("brother", "sister"),
    "spouse": ("husband", "wife"),
}


def _kinship(rng: random.Random) -> Draft:
    (one, two), answers = rng.choice(list(_KIN.items()))
    first_sex, second_sex = rng.randrange(2), rng.randrange(2)
    # Spouses of either sex exist, but the names should not distract from the kinship.
    if one == "spouse":
        second_sex = 1 - first_sex
    third_sex = 1 - second_sex if two == "spouse" else rng.randrange(2)
    people = (_MEN, _WOMEN)
    first, second = rng.choice(people[first_sex]), rng.choice(people[second_sex][:5])
    third = rng.choice(people[third_sex][5:])
    if first in (second, third):
        return _kinship(rng)
    steps = [
        f"{first} is {second}'s {_STEPS[one][first_sex]}.",
        f"{second} is {third}'s {_STEPS[two][second_sex]}.",
    ]
    rng.shuffle(steps)
    pool = [pair[first_sex] for pair in (*_KIN.values(), *_STEPS.values(), ("cousin", "cousin"))]
    near = [kin for kin in pool if kin not in ("husband", "wife")]
    return pick(rng, f"{' '.join(steps)} What is {first} to {third}?", answers[first_sex], near)


def _shown(members: set[int]) -> str:
    return "{" + ", ".join(map(str, sorted(members))) + "}"


def _set_result(rng: random.Random) -> Draft:
    a = set(rng.sample(range(1, 13), rng.randint(3, 5)))
    b = {rng.choice(sorted(a)), *rng.sample(range(1, 13), rng.randint(2, 4))}
    results = {
        "the intersection of A and B": a & b,
        "the union of A and B": a | b,
        "the difference A minus B": a - b,
        "the difference B minus A": b - a,
        "the symmetric difference of A and B": a ^ b,
    }
    asked = rng.choice(list(results))
    prompt = f"A = {_shown(a)} and B = {_shown(b)}. What is {asked}?"
    others = [*map(_shown, [*results.values(), a, b])]
    rng.shuffle(others)
    return first_three(prompt, _shown(results[asked]), others)


def _set_count(rng: random.Random) -> Draft:
    both, one, two, none = (rng.randint(2, 15) for _ in range(4))
    tea, coffee = rng.choice((("tea", "coffee"), ("chess", "tennis"), ("jazz", "opera")))
    prompt = (
        f"Of {both + one + two + none} people, {one + both} like {tea}, {two + both} like "
        f"{coffee}, and {both} like both. How many like neither?"
    )
    return numeric(rng, prompt, none, abs(none - both), none + both)


def _subset_count(rng: random.Random) -> Draft:
    size = rng.randint(2, 8)
    prompt = f"How many subsets does a set of {size} elements have, counting the empty set?"
    return numeric(rng, prompt, 2**size, 2**size - 1, 2 * size, size**2)


def _nth_sorted(rng: random.Random) -> Draft:
    numbers = rng.sample(range(-30, 100), rng.randint(5, 8))
    place, ordinal = rng.choice(list(enumerate(("first", "second", "third", "fourth"))))
    way = rng.choice(("ascending", "descending"))
    right = sorted(numbers, reverse=way == "descending")[place]
    prompt = (
        f"Which number comes {ordinal} when {', '.join(map(str, numbers))} are sorted in {way} "
    )
    return pick(rng, f"{prompt}order?", str(right), map(str, numbers))


def _whole_sorted(rng: random.Random) -> Draft:
    numbers = [rng.choice((n / 10, n / 100, n / 1000)) for n in rng.sample(range(11, 999), 4)]
    right = sorted(numbers)
    prompt = f"What are {', '.join(map(str, numbers))} from smallest to largest?"
    others = [list(order) for order in itertools.permutations(right) if list(order) != right]
    return pick(
        rng, prompt, ", ".join(map(str, right)), (", ".join(map(str, other)) for other in others)
    )


def _bubble_pass(rng: random.Random) -> Draft:
    numbers = rng.sample(range(1, 50), 5)
    row, states = list(numbers), [list(numbers)]
    for i in range(4):
        if row[i] > row[i + 1]:
            row[i], row[i + 1] = row[i + 1], row[i]
        states.append(list(row))
    prompt = f"What is {numbers} after one left-to-right pass of bubble sort in ascending order?"
    near = [sorted(numbers), *states[:-1], numbers[::-1], [*row[1:], row[0]], [row[-1], *row[:-1]]]
    return first_three(prompt, str(row), map(str, near))


TASKS = (
    Task(
        "syllogisms",
        ("syllogism", "premises", "conclusion", "deduction", "quantifiers"),
        generated(_syllogism),
    ),
    Task(
        "conditional_reasoning",
        ("conditional", "implication", "inference", "fallacy", "deduction"),
        generated(_conditional),
    ),
    Task(
        "truth_tables",
        ("truth table", "boolean logic", "connectives", "negation", "propositions"),
        generated(_count_true, _which_row),
    ),
    Task(
        "ordering_puzzles",
        ("ordering", "comparison", "ranking", "clues", "logic puzzle"),
        generated(_ranking),
    ),
    Task(
        "family_relations",
        ("family", "kinship", "relatives", "in-laws", "deduction"),
        generated(_kinship),
    ),
    Task(
        "set_operations",
        ("sets", "union", "intersection", "difference", "subset"),
        generated(_set_result, _set_count, _subset_count),
    ),
    Task(
        "sorting",
        ("sorting", "ascending order", "descending order", "bubble sort", "comparison"),
        generated(_nth_sorted, _whole_sorted, _bubble_pass),
    ),
)
