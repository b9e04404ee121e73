"""Computed tasks on plain numbers: the four operations, fractions, percentages, ratios."""

import math
import operator
import random
from fractions import Fraction

from actors.examiner.bank.task import Draft, Task, first_three, generated, numeric

_NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jun")
_THINGS = ("apples", "stamps", "marbles", "pencils", "cards", "shells", "coins", "books")


def _sized(rng: random.Random, most_digits: int = 4) -> int:
    digits = rng.randint(1, most_digits)
    return rng.randrange(10 ** (digits - 1) + 1, 10**digits)


def _addition(rng: random.Random) -> Draft:
    a, b = _sized(rng), _sized(rng)
    return numeric(rng, f"What is {a} + {b}?", a + b)


def _long_addition(rng: random.Random) -> Draft:
    terms = [_sized(rng, 3) for _ in range(rng.randint(3, 5))]
    return numeric(rng, f"What is {' + '.join(map(str, terms))}?", sum(terms))


def _subtraction(rng: random.Random) -> Draft:
    a, b = sorted((_sized(rng, 5), _sized(rng, 4)), reverse=True)
    if rng.random() < 0.25:
        return numeric(rng, f"What is {b} - {a}?", b - a, a - b)
    return numeric(rng, f"What is {a} - {b}?", a - b)


def _multiplication(rng: random.Random) -> Draft:
    a, b = _sized(rng, 2), _sized(rng, 3)
    slips = rng.sample([a * b + a, a * b - a, a * b + b, a * b + 10, a * b - 10], k=2)
    return numeric(rng, f"What is {a} * {b}?", a * b, *slips)


def _quotient(rng: random.Random) -> Draft:
    divisor, result = _sized(rng, 2), _sized(rng, 3)
    return numeric(rng, f"What is {divisor * result} divided by {divisor}?", result)


def _remainder(rng: random.Random) -> Draft:
    divisor, number = rng.randint(3, 19), _sized(rng)
    prompt = f"What is the remainder when {number} is divided by {divisor}?"
    others = rng.sample(range(divisor), k=min(4, divisor))
    return first_three(prompt, str(number % divisor), map(str, others))


def _fraction(rng: random.Random, prompt: str, right: Fraction, *slips: Fraction) -> Draft:
    top, bottom = right.numerator, right.denominator
    near = [Fraction(top + 1, bottom), Fraction(top, bottom + 1), Fraction(top + 2, bottom + 1)]
    near += [Fraction(top, bottom + 2), Fraction(top + 3, bottom + 2)]
    rng.shuffle(near)
    return first_three(prompt, str(right), map(str, (*slips, *near)))


def _fractions(rng: random.Random) -> Draft:
    a, b = (Fraction(rng.randint(1, d - 1), d) for d in (rng.randint(2, 12), rng.randint(2, 12)))
    a, b = max(a, b), min(a, b)
    sign = rng.choice("+-*/" if a > b else "+*/")
    right = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign](
        a, b
    )
    mediant = Fraction(a.numerator + b.numerator, a.denominator + b.denominator)
    prompt = f"What is {a} {sign} {b}, as a fraction in lowest terms?".replace(
        " / ", " divided by "
    )
    return _fraction(rng, prompt, right, *([mediant] if sign == "+" else []))


def _fraction_of(rng: random.Random) -> Draft:
    bottom = rng.randint(3, 12)
    part = Fraction(rng.randint(1, bottom - 1), bottom)
    whole = part.denominator * rng.randint(2, 30)
    return numeric(rng, f"What is {part} of {whole}?", int(part * whole), int(whole - part * whole))


def _lowest_terms(rng: random.Random) -> Draft:
    bottom, factor = rng.randint(3, 15), rng.randint(2, 12)
    top = rng.randint(1, bottom - 1)
    prompt = f"What is {top * factor}/{bottom * factor} in lowest terms?"
    return _fraction(rng, prompt, Fraction(top, bottom))


def _percent_of(rng: random.Random) -> Draft:
    percent = rng.choice((5, 10, 12, 15, 20, 25, 30, 35, 40, 45, 60, 75, 80, 90))
    whole = rng.randint(1, 40) * (100 // math.gcd(percent, 100))
    right = whole * percent // 100
    return numeric(rng, f"What is {percent}% of {whole}?", right, whole - right)


def _percent_change(rng: random.Random) -> Draft:
    percent, verb = rng.choice((10, 20, 25, 40, 50)), rng.choice(("rises", "falls"))
    price = rng.randint(2, 40) * 20
    step = price * percent // 100
    right, other = (price + step, price - step) if verb == "rises" else (price - step, price + step)
    prompt = f"A price of {price} dollars {verb} by {percent}%. What is the new price?"
    return numeric(rng, prompt, right, other, form="{} dollars")


def _which_percent(rng: random.Random) -> Draft:
    percent, whole = rng.randint(1, 19) * 5, rng.randint(1, 15) * 20
    prompt = f"{whole * percent // 100} is what percentage of {whole}?"
    return numeric(rng, prompt, percent, 100 - percent, percent + 5, form="{}%")


def _precedence(rng: random.Random) -> Draft:
    a, b, c, d = (rng.randint(2, 12) for _ in range(4))
    text, right, leftward = rng.choice(
        [
            (f"{a} + {b} * {c}", a + b * c, (a + b) * c),
            (f"{a} * {b} + {c} * {d}", a * b + c * d, (a * b + c) * d),
            (f"{a} + {b} * ({c} + {d})", a + b * (c + d), (a + b) * (c + d)),
            (f"({a} + {b}) * {c} - {d}", (a + b) * c - d, (a + b) * (c - d)),
            (f"{a + b * c} - {b} * {c}", a, (a + b * c - b) * c),
            (f"{a} + {b} ** 2 - {c}", a + b**2 - c, (a + b) ** 2 - c),
        ]
    )
    return numeric(rng, f"What is the value of {text}?", right, leftward)


def _power(rng: random.Random) -> Draft:
    base, exponent = rng.choice([(b, e) for b in range(2, 13) for e in range(2, 7) if b**e < 5000])
    prompt = f"What is {base} to the power of {exponent}?"
    return numeric(rng, prompt, base**exponent, base * exponent, base ** (exponent - 1))


def _root(rng: random.Random) -> Draft:
    root, degree = rng.choice([(r, 2) for r in range(4, 41)] + [(r, 3) for r in range(2, 21)])
    kind = {2: "square", 3: "cube"}[degree]
    return numeric(rng, f"What is the {kind} root of {root**degree}?", root)


def _exponent_law(rng: random.Random) -> Draft:
    base, a, b = rng.choice((2, 3, 5, 7, 10)), rng.randint(4, 12), rng.randint(2, 3)
    text, right, slips = rng.choice(
        [
            (f"{base}^{a} * {base}^{b}", a + b, (a * b, a - b)),
            (f"{base}^{a} / {base}^{b}", a - b, (a + b, a // b)),
            (f"({base}^{a})^{b}", a * b, (a + b, a**b)),
        ]
    )
    return numeric(rng, f"{text} is which power of {base}?", right, *slips, form=f"{base}^" + "{}")


def _shopping(rng: random.Random) -> Draft:
    name, (one, two) = rng.choice(_NAMES), rng.sample(_THINGS, 2)
    n, m, p, q = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 9)
    total, note = n * p + m * q, 200
    prompt = (
        f"{name} buys {n} {one} at {p} dollars each and {m} {two} at {q} dollars each, "
        f"and pays with {note} dollars. How much change does {name} get?"
    )
    return numeric(rng, prompt, note - total, note - n * p, total, form="{} dollars")


def _giving(rng: random.Random) -> Draft:
    (giver, taker), thing = rng.sample(_NAMES, 2), rng.choice(_THINGS)
    start, given, times = rng.randint(30, 90), rng.randint(3, 20), rng.randint(2, 4)
    prompt = (
        f"{giver} has {start} {thing} and gives away {given}. {taker} has {times} times as many "
        f"{thing} as {giver} has left. How many {thing} does {taker} have?"
    )
    return numeric(rng, prompt, (start - given) * times, start * times, start - given)


def _packing(rng: random.Random) -> Draft:
    thing, box, full = rng.choice(_THINGS), rng.randint(4, 12), rng.randint(3, 15)
    rest = rng.randint(1, box - 1)
    prompt = (
        f"A box holds {box} {thing}. How many boxes are needed to pack {box * full + rest} {thing}?"
    )
    return numeric(rng, prompt, full + 1, full, full + 2)


def _work(rng: random.Random) -> Draft:
    workers, days = rng.choice([(2, 12), (3, 8), (4, 6), (4, 9), (5, 12), (6, 10), (8, 9), (6, 4)])
    total = workers * days
    others = [n for n in range(1, total + 1) if total % n == 0 and n != workers]
    other, job = rng.choice(others), rng.choice(("paint a hall", "dig a ditch", "build a wall"))
    noun = "worker" if other == 1 else "workers"
    prompt = (
        f"{workers} workers need {days} days to {job}. Working at the same pace, "
        f"how many days do {other} {noun} need?"
    )
    return numeric(rng, prompt, total // other, days, form="{} days")


def _share(rng: random.Random) -> Draft:
    a, b = rng.choice(
        [(a, b) for a in range(1, 8) for b in range(a + 1, 10) if math.gcd(a, b) == 1]
    )
    unit, size = rng.randint(2, 20), rng.choice(("larger", "smaller"))
    right, other = (b, a) if size == "larger" else (a, b)
    prompt = f"{unit * (a + b)} is shared in the ratio {a} : {b}. What is the {size} share?"
    return numeric(rng, prompt, unit * right, unit * other)


def _rule_of_three(rng: random.Random) -> Draft:
    thing, price = rng.choice(_THINGS), rng.randint(2, 15)
    n, m = rng.sample(range(2, 21), 2)
    prompt = f"If {n} {thing} cost {n * price} dollars, what do {m} {thing} cost at the same rate?"
    return numeric(rng, prompt, m * price, n * price + m - n, form="{} dollars")


def _map_scale(rng: random.Random) -> Draft:
    scale, length = rng.choice((2, 4, 5, 8, 12, 20, 25)), rng.randint(2, 20)
    prompt = (
        f"On a map 1 cm stands for {scale} km. How far apart are two towns that lie {length} cm "
        "apart on the map?"
    )
    return numeric(rng, prompt, scale * length, scale + length, form="{} km")


TASKS = (
    Task(
        "addition",
        ("addition", "sum", "plus", "carrying", "mental arithmetic"),
        generated(_addition, _addition, _long_addition),
    ),
    Task(
        "subtraction",
        ("subtraction", "difference", "minus", "borrowing", "negative numbers"),
        generated(_subtraction),
    ),
    Task(
        "multiplication",
        ("multiplication", "product", "times", "times table", "long multiplication"),
        generated(_multiplication),
    ),
    Task(
        "division",
        ("division", "quotient", "remainder", "divisor", "dividend"),
        generated(_quotient, _remainder),
    ),
    Task(
        "fractions",
        ("fraction", "numerator", "denominator", "lowest terms", "rational number"),
        generated(_fractions, _fraction_of, _lowest_terms),
    ),
    Task(
        "percentages",
        ("percentage", "percent", "discount", "increase", "proportion"),
        generated(_percent_of, _percent_change, _which_percent),
    ),
    Task(
        "order_of_operations",
        ("precedence", "brackets", "expression", "evaluation", "arithmetic rules"),
        generated(_precedence),
    ),
    Task(
        "powers_and_roots",
        ("power", "exponent", "square root", "cube root", "exponent laws"),
        generated(_power, _root, _exponent_law),
    ),
    Task(
        "word_problems",
        ("word problem", "everyday maths", "reading", "several steps", "quantities"),
        generated(_shopping, _giving, _packing, _work),
    ),
    Task(
        "ratios",
        ("ratio", "proportion", "sharing", "scale", "unit price"),
        generated(_share, _rule_of_three, _map_scale),
    ),
)
