"""Computed tasks of school mathematics: algebra, geometry, chance, statistics, derivatives."""

import math
import random
import statistics
from fractions import Fraction

from actors.examiner.bank.task import Draft, Task, first_three, generated, numeric, pick

_TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29), (9, 40, 41))
_COLOURS = ("red", "blue", "green", "white", "black", "yellow")


def _signed(number: int) -> str:
    return f"+ {number}" if number >= 0 else f"- {-number}"


def _term(factor: int, power: int) -> str:
    """``factor`` (at least 1) times x to the ``power`` (at least 1), as one writes it."""
    return ("" if factor == 1 else f"{factor}") + "x" + (f"^{power}" if power > 1 else "")


def _one_sided(rng: random.Random) -> Draft:
    a, x, b = rng.randint(2, 12), rng.randint(-9, 15), rng.choice([*range(-20, 0), *range(1, 21)])
    prompt = f"What is x if {a}x {_signed(b)} = {a * x + b}?"
    return numeric(rng, prompt, x, -x, x + b)


def _two_sided(rng: random.Random) -> Draft:
    c, x, steeper = rng.randint(2, 7), rng.randint(-8, 12), rng.randint(1, 6)
    a, b = c + steeper, rng.choice([b for b in range(1, 21) if b != -steeper * x])
    prompt = f"What is x if {a}x {_signed(b)} = {c}x {_signed((a - c) * x + b)}?"
    return numeric(rng, prompt, x, -x, x + 1)


def _sum_and_difference(rng: random.Random) -> Draft:
    x, y = sorted(rng.sample(range(1, 60), 2), reverse=True)
    which, right, other = rng.choice((("larger", x, y), ("smaller", y, x)))
    prompt = f"Two numbers add up to {x + y} and differ by {x - y}. What is the {which} one?"
    return numeric(rng, prompt, right, other)


def _quadratic(middle: int, last: int) -> str:
    middle_term = f" {'+-'[middle < 0]} {_term(abs(middle), 1)}" if middle else ""
    return f"x^2{middle_term} {_signed(last)}"


def _expand(rng: random.Random) -> Draft:
    a, b = rng.sample([n for n in range(-9, 10) if n], 2)
    prompt = f"What is (x {_signed(a)})(x {_signed(b)}) when multiplied out?"
    slips = [(a + b, -a * b), (-a - b, a * b), (a * b, a + b), (a - b, a * b), (a + b + 1, a * b)]
    wrong = [_quadratic(*slip) for slip in slips if slip[1]]
    return first_three(prompt, _quadratic(a + b, a * b), wrong)


def _evaluate(rng: random.Random) -> Draft:
    a, b, c, x = rng.randint(2, 6), rng.randint(-9, -2), rng.randint(1, 20), rng.randint(-5, 9)
    right = a * x * x + b * x + c
    prompt = f"What is the value of {a}x^2 {_signed(b)}x {_signed(c)} at x = {x}?"
    return numeric(rng, prompt, right, (a * x) ** 2 + b * x + c, a * x * x - b * x + c)


def _larger_root(rng: random.Random) -> Draft:
    low, high = sorted(rng.sample([n for n in range(-9, 13) if n], 2))
    prompt = f"What is the larger solution of {_quadratic(-low - high, low * high)} = 0?"
    return numeric(rng, prompt, high, low, -low, -high)


def _rectangle(rng: random.Random) -> Draft:
    a, b = rng.randint(3, 40), rng.randint(3, 40)
    what, right, other, unit = rng.choice(
        (
            ("area", a * b, 2 * (a + b), "square cm"),
            ("perimeter", 2 * (a + b), a + b, "cm"),
        )
    )
    prompt = f"What is the {what} of a rectangle of {a} cm by {b} cm?"
    return numeric(rng, prompt, right, other, form=f"{{}} {unit}")


def _triangle(rng: random.Random) -> Draft:
    base, height = 2 * rng.randint(2, 20), rng.randint(3, 30)
    prompt = f"A triangle has a base of {base} m and a height of {height} m. What is its area?"
    right = base * height // 2
    return numeric(rng, prompt, right, base * height, base + height, form="{} square m")


def _circle(rng: random.Random) -> Draft:
    radius = rng.randint(3, 30)
    what, right, slips = rng.choice(
        (
            ("area", radius**2, (2 * radius, 4 * radius**2)),
            ("circumference", 2 * radius, (radius, radius**2)),
        )
    )
    prompt = f"What is the {what} of a circle of radius {radius}, as a multiple of pi?"
    return numeric(rng, prompt, right, *slips, form="{} pi")


def _pythagoras(rng: random.Random) -> Draft:
    scale, sides = rng.randint(1, 6), rng.choice(_TRIPLES)
    a, b, c = (scale * side for side in sides)
    prompt = f"The legs of a right triangle are {a} and {b} long. How long is the hypotenuse?"
    return numeric(rng, prompt, c, a + b)


def _cuboid(rng: random.Random) -> Draft:
    a, b, c = (rng.randint(2, 12) for _ in range(3))
    volume, surface = a * b * c, 2 * (a * b + b * c + a * c)
    what, right, other, unit = rng.choice(
        (("volume", volume, surface, "cubic cm"), ("surface area", surface, volume, "square cm"))
    )
    prompt = f"What is the {what} of a box of {a} cm by {b} cm by {c} cm?"
    return numeric(rng, prompt, right, other, a * b + c, form=f"{{}} {unit}")


def _cylinder(rng: random.Random) -> Draft:
    radius, height = rng.randint(2, 9), 3 * rng.randint(1, 6)
    solid, part = rng.choice((("cylinder", 1), ("cone", 3)))
    right = radius**2 * height // part
    prompt = (
        f"What is the volume of a {solid} of radius {radius} and height {height}, "
        "as a multiple of pi?"
    )
    slips = (radius * height, 2 * radius * height, radius**2 * height * (1 if part == 3 else 2))
    return numeric(rng, prompt, right, *slips, form="{} pi")


def _cube_edge(rng: random.Random) -> Draft:
    edge = rng.randint(2, 20)
    if rng.random() < 0.5:
        prompt = f"A cube has a volume of {edge**3} cubic m. How long is its edge?"
        return numeric(rng, prompt, edge, edge**2, form="{} m")
    prompt = f"The edge of a cube is {edge} m long. What is the area of its whole surface?"
    return numeric(rng, prompt, 6 * edge**2, 4 * edge**2, edge**3, form="{} square m")


def _third_angle(rng: random.Random) -> Draft:
    a = rng.randint(20, 100)
    b = rng.randint(15, 160 - a)
    prompt = f"Two angles of a triangle measure {a} and {b} degrees. How large is the third?"
    return numeric(rng, prompt, 180 - a - b, a + b, form="{} degrees")


def _partner_angle(rng: random.Random) -> Draft:
    name, total = rng.choice((("complementary", 90), ("supplementary", 180)))
    angle = rng.randint(5, total - 5)
    prompt = f"Which angle is {name} to an angle of {angle} degrees?"
    slips = [full - angle for full in (90, 180, 360) if full not in (total, angle)]
    return numeric(rng, prompt, total - angle, *slips, form="{} degrees")


def _polygon(rng: random.Random) -> Draft:
    sides = rng.randint(5, 20)
    right = 180 * (sides - 2)
    prompt = f"What do the interior angles of a polygon with {sides} sides add up to?"
    return numeric(rng, prompt, right, right + 180, right - 180, 180 * sides, form="{} degrees")


def _chance(rng: random.Random, prompt: str, right: Fraction, *slips: Fraction) -> Draft:
    near = [right + Fraction(sign, right.denominator * k) for k in (1, 2) for sign in (1, -1)]
    wrong = [str(chance) for chance in (1 - right, *slips, *near) if 0 < chance < 1]
    return pick(rng, prompt, str(right), wrong)


def _one_ball(rng: random.Random) -> Draft:
    colours, counts = rng.sample(_COLOURS, 3), [rng.randint(2, 12) for _ in range(3)]
    bag = ", ".join(f"{n} {colour}" for n, colour in zip(counts, colours, strict=True))
    prompt = f"A bag holds balls: {bag}. How likely is a ball drawn at random to be {colours[0]}?"
    right = Fraction(counts[0], sum(counts))
    return _chance(rng, prompt, right, Fraction(counts[0], sum(counts[1:]) + 2 * counts[0]))


def _two_balls(rng: random.Random) -> Draft:
    (one, two), n, m = rng.sample(_COLOURS, 2), rng.randint(2, 6), rng.randint(2, 6)
    prompt = (
        f"A bag holds {n} {one} and {m} {two} balls. Two are drawn without putting any back. "
        f"How likely are both {one}?"
    )
    right, again = Fraction(n * (n - 1), (n + m) * (n + m - 1)), Fraction(n, n + m) ** 2
    return _chance(rng, prompt, right, again)


def _dice(rng: random.Random) -> Draft:
    total = rng.randint(3, 11)
    ways = 6 - abs(total - 7)
    prompt = f"How likely are two fair dice to show a total of {total}?"
    return _chance(rng, prompt, Fraction(ways, 36), Fraction(1, 11), Fraction(1, 36))


def _coins(rng: random.Random) -> Draft:
    tosses = rng.randint(2, 6)
    heads = rng.randint(1, tosses - 1)
    noun = "head" if heads == 1 else "heads"
    prompt = f"A fair coin is tossed {tosses} times. How likely is it to show {heads} {noun}?"
    return _chance(rng, prompt, Fraction(math.comb(tosses, heads), 2**tosses), Fraction(1, 2))


def _average(rng: random.Random) -> Draft:
    data = [rng.randint(1, 40) for _ in range(rng.choice((3, 4, 5, 6)))]
    data[0] += -sum(data) % len(data)
    right, middle = sum(data) // len(data), int(statistics.median(data))
    return numeric(rng, f"What is the mean of {', '.join(map(str, data))}?", right, middle)


def _median(rng: random.Random) -> Draft:
    data = rng.sample(range(1, 80), rng.choice((3, 5, 7, 9)))
    right, unsorted_middle = sorted(data)[len(data) // 2], data[len(data) // 2]
    prompt = f"What is the median of {', '.join(map(str, data))}?"
    return numeric(rng, prompt, right, unsorted_middle, sum(data) // len(data))


def _mode(rng: random.Random) -> Draft:
    values = rng.sample(range(1, 30), 4)
    data = [*values, values[0], values[0], values[1]]
    rng.shuffle(data)
    wrong = tuple(map(str, values[1:]))
    return Draft(f"What is the mode of {', '.join(map(str, data))}?", str(values[0]), wrong)


def _range(rng: random.Random) -> Draft:
    data = rng.sample(range(1, 99), rng.randint(4, 7))
    prompt = f"What is the range (largest minus smallest) of {', '.join(map(str, data))}?"
    return numeric(rng, prompt, max(data) - min(data), abs(data[-1] - data[0]))


def _choose(rng: random.Random) -> Draft:
    n = rng.randint(4, 12)
    k = rng.randint(2, min(4, n - 1))
    prompt = f"In how many ways can a team of {k} be chosen from {n} people?"
    return numeric(rng, prompt, math.comb(n, k), math.perm(n, k), n * k)


def _arrange(rng: random.Random) -> Draft:
    n = rng.randint(4, 10)
    k = rng.randint(2, min(4, n - 1))
    prompt = f"In how many ways can {k} of {n} runners fill the first {k} places, in order?"
    return numeric(rng, prompt, math.perm(n, k), math.comb(n, k), n**k)


def _letter_orders(rng: random.Random) -> Draft:
    word = rng.choice(
        [
            "CAT",
            "TREE",
            "BALL",
            "LEVEL",
            "MOON",
            "NOON",
            "PLANE",
            "LETTER",
            "SALAD",
            "APPLE",
            "GREEN",
            "BANANA",
            "SHEEP",
            "KAYAK",
        ]
    )
    right = math.factorial(len(word))
    for letter in set(word):
        right //= math.factorial(word.count(letter))
    prompt = f"In how many different orders can the letters of {word} be written?"
    return numeric(rng, prompt, right, math.factorial(len(word)), len(word) ** 2, right // 2)


def _outfits(rng: random.Random) -> Draft:
    a, b, c = (rng.randint(2, 9) for _ in range(3))
    prompt = f"How many outfits of one shirt, one hat and one scarf do {a} shirts, {b} hats and "
    return numeric(rng, f"{prompt}{c} scarves allow?", a * b * c, a + b + c)


def _handshakes(rng: random.Random) -> Draft:
    n = rng.randint(4, 30)
    prompt = f"Each of {n} people shakes hands once with every other. How many handshakes is that?"
    return numeric(rng, prompt, n * (n - 1) // 2, n * (n - 1), n * n)


def _derivative(rng: random.Random) -> Draft:
    a, n, b = rng.randint(2, 9), rng.randint(2, 6), rng.randint(2, 20)
    prompt = f"What is the derivative of {_term(a, n)} + {b}x with respect to x?"
    wrong = (
        f"{_term(a * n, n)} + {b}",
        f"{_term(a, n - 1)} + {b}",
        f"{_term(a * n, n - 1)} + {b}x",
    )
    return Draft(prompt, f"{_term(a * n, n - 1)} + {b}", wrong)


def _slope(rng: random.Random) -> Draft:
    a, b, x = rng.randint(1, 9), rng.randint(1, 20), rng.randint(1, 9)
    prompt = f"What is the slope of y = {_term(a, 2)} + {_term(b, 1)} at x = {x}?"
    return numeric(rng, prompt, 2 * a * x + b, a * x * x + b * x, 2 * a * x, a * x + b)


def _area_under(rng: random.Random) -> Draft:
    power, high = rng.choice(((1, 2), (1, 4), (1, 6), (1, 8), (2, 3), (2, 6), (3, 2), (3, 4)))
    factor = rng.randint(1, 9)
    right = factor * high ** (power + 1) // (power + 1)
    prompt = f"What is the definite integral of {_term(factor, power)} from x = 0 to x = {high}?"
    return numeric(rng, prompt, right, factor * high**power, factor * high ** (power + 1))


TASKS = (
    Task(
        "linear_equations",
        ("algebra", "linear equation", "unknown", "solving", "simultaneous equations"),
        generated(_one_sided, _two_sided, _sum_and_difference),
    ),
    Task(
        "polynomials",
        ("algebra", "polynomial", "quadratic", "roots", "expansion"),
        generated(_expand, _evaluate, _larger_root),
    ),
    Task(
        "plane_geometry",
        ("geometry", "area", "perimeter", "circle", "right triangle"),
        generated(_rectangle, _triangle, _circle, _pythagoras),
    ),
    Task(
        "solid_geometry",
        ("geometry", "volume", "surface area", "cube", "cylinder"),
        generated(_cuboid, _cylinder, _cube_edge),
    ),
    Task(
        "angles",
        ("geometry", "angle", "degrees", "triangle", "polygon"),
        generated(_third_angle, _partner_angle, _polygon),
    ),
    Task(
        "probability",
        ("probability", "chance", "dice", "coin toss", "random draw"),
        generated(_one_ball, _two_balls, _dice, _coins),
    ),
    Task(
        "statistics",
        ("statistics", "mean", "median", "mode", "spread"),
        generated(_average, _median, _mode, _range),
    ),
    Task(
        "combinatorics",
        ("counting", "combination", "permutation", "arrangement", "factorial"),
        generated(_choose, _arrange, _letter_orders, _outfits, _handshakes),
    ),
    Task(
        "calculus",
        ("calculus", "derivative", "slope", "integral", "function"),
        generated(_derivative, _slope, _area_under),
    ),
)
