"""Computed tasks on whole numbers and how they are written: divisors, sequences, bases."""

import math
import random

from actors.examiner.bank.task import Draft, Task, first_three, generated, numeric

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _gcd(rng: random.Random) -> Draft:
    common = rng.randint(2, 15)
    a, b = (common * n for n in rng.sample(range(2, 13), 2))
    right = math.gcd(a, b)
    slips = [d for d in _divisors(a * b // right) if d != right and (a % d == 0 or b % d == 0)]
    prompt = f"What is the greatest common divisor of {a} and {b}?"
    return numeric(rng, prompt, right, *rng.sample(slips, 2))


def _lcm(rng: random.Random) -> Draft:
    a, b = rng.sample(range(3, 31), 2)
    right = math.lcm(a, b)
    prompt = f"What is the least common multiple of {a} and {b}?"
    return numeric(rng, prompt, right, a * b, right * 2, right + a)


def _prime_between(rng: random.Random) -> Draft:
    low = rng.randint(10, 150)
    numbers = range(low | 1, low + 32, 2)
    primes = [n for n in numbers if len(_divisors(n)) == 2]
    others = [n for n in numbers if n not in primes and n % 5]
    prompt = f"Which of these numbers between {low} and {low + 32} is prime?"
    wrong = rng.sample(others, 3)
    return Draft(prompt, str(rng.choice(primes)), tuple(map(str, wrong)))


def _smallest_factor(rng: random.Random) -> Draft:
    factor = rng.choice((3, 5, 7, 11, 13))
    number = factor * rng.choice((13, 17, 19, 23, 29, 31, 37))
    prompt = f"What is the smallest prime factor of {number}?"
    others = rng.sample((2, 3, 5, 7, 11, 13, 17), 4)
    return first_three(prompt, str(factor), map(str, others))


def _divisor_count(rng: random.Random) -> Draft:
    number = rng.randint(12, 100)
    count = len(_divisors(number))
    return numeric(rng, f"How many positive divisors does {number} have?", count, count - 1)


def _arithmetic_row(rng: random.Random) -> list[int]:
    start, step = rng.randint(1, 60), rng.choice([*range(-9, -1), *range(2, 16)])
    return [start + step * i for i in range(6)]


def _geometric_row(rng: random.Random) -> list[int]:
    start, factor = rng.randint(1, 9), rng.randint(2, 4)
    return [start * factor**i for i in range(6)]


def _quadratic_row(rng: random.Random) -> list[int]:
    first, shift = rng.randint(1, 9), rng.randint(-5, 20)
    return [(first + i) ** 2 + shift for i in range(6)]


def _growing_row(rng: random.Random) -> list[int]:
    start, step, growth = rng.randint(1, 20), rng.randint(1, 6), rng.randint(1, 5)
    return [start + step * i + growth * i * (i - 1) // 2 for i in range(6)]


def _adding_row(rng: random.Random) -> list[int]:
    row = sorted(rng.sample(range(1, 15), 2))
    while len(row) < 6:
        row.append(row[-1] + row[-2])
    return row


def _affine_row(rng: random.Random) -> list[int]:
    row, factor, shift = [rng.randint(2, 9)], rng.randint(2, 3), rng.choice((-1, 1, 2, 3))
    while len(row) < 6:
        row.append(row[-1] * factor + shift)
    return row


_ROWS = (_arithmetic_row, _geometric_row, _quadratic_row, _growing_row, _adding_row, _affine_row)


def _next_in_row(rng: random.Random) -> Draft:
    *shown, right = rng.choice(_ROWS)(rng)
    prompt = f"Which number comes next: {', '.join(map(str, shown))}, ...?"
    return numeric(rng, prompt, right, 2 * shown[-1] - shown[-2])


def _missing_in_row(rng: random.Random) -> Draft:
    row = rng.choice(_ROWS)(rng)
    place = rng.randint(1, 4)
    shown = [*map(str, row[:place]), "__", *map(str, row[place + 1 :])]
    middle = (row[place - 1] + row[place + 1]) // 2
    return numeric(rng, f"Which number is missing: {', '.join(shown)}?", row[place], middle)


def _decimal_to_base(spec: str, base: str, most: int, rng: random.Random) -> Draft:
    number = rng.randint(5, most)
    near = rng.sample([number + d for d in (-4, -3, -2, -1, 1, 2, 3, 4, 8)], 3)
    prompt = f"How is the decimal number {number} written in {base}?"
    return Draft(prompt, format(number, spec), tuple(format(n, spec) for n in near))


def _base_to_decimal(spec: str, base: str, most: int, rng: random.Random) -> Draft:
    number = rng.randint(5, most)
    prompt = f"Which decimal number is {base} {format(number, spec)}?"
    return numeric(rng, prompt, number, number + rng.choice((4, 8, 16)))


def _to_binary(rng: random.Random) -> Draft:
    return _decimal_to_base("b", "binary", 127, rng)


def _from_binary(rng: random.Random) -> Draft:
    return _base_to_decimal("b", "binary", 255, rng)


def _binary_sum(rng: random.Random) -> Draft:
    a, b = rng.randint(2, 31), rng.randint(2, 31)
    prompt = f"What is the binary sum {a:b} + {b:b}, in binary?"
    near = rng.sample([a + b + d for d in (-3, -2, -1, 1, 2, 4)], 3)
    return Draft(prompt, f"{a + b:b}", tuple(f"{n:b}" for n in near))


def _to_hex(rng: random.Random) -> Draft:
    return _decimal_to_base("X", "hexadecimal", 400, rng)


def _from_hex(rng: random.Random) -> Draft:
    return _base_to_decimal("X", "hexadecimal", 400, rng)


def _hex_to_binary(rng: random.Random) -> Draft:
    number = rng.randint(16, 255)
    near = rng.sample([number ^ 1 << bit for bit in range(6)], 3)
    prompt = f"How is hexadecimal {number:X} written as eight binary digits?"
    return Draft(prompt, f"{number:08b}", tuple(f"{n:08b}" for n in near))


def roman(number: int) -> str:
    """``number``, at least 1, in Roman numerals."""
    digits = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        digits += letters * count
    return digits


def _to_roman(rng: random.Random) -> Draft:
    number = rng.choice((rng.randint(4, 99), rng.randint(100, 2100)))
    near = {number + d for d in (-10, -5, -2, -1, 1, 2, 5, 10, 40) if number + d > 0}
    prompt = f"How is {number} written in Roman numerals?"
    return Draft(prompt, roman(number), tuple(map(roman, rng.sample(sorted(near), 3))))


def _from_roman(rng: random.Random) -> Draft:
    number = rng.choice((rng.randint(4, 99), rng.randint(100, 2100)))
    return numeric(rng, f"Which number is the Roman numeral {roman(number)}?", number, number + 2)


def _round(rng: random.Random) -> Draft:
    unit, name = rng.choice(((10, "ten"), (100, "hundred"), (1000, "thousand")))
    # A multiple plus a rest that is neither nothing nor a half, which conventions part on.
    rest = rng.choice([r for r in range(1, unit) if 2 * r != unit])
    number = unit * rng.randint(2, 90) + rest
    low, high = number - rest, number - rest + unit
    right, other = (low, high) if 2 * rest < unit else (high, low)
    wrong = (other, low - unit, high + unit)
    return Draft(
        f"What is {number} rounded to the nearest {name}?", str(right), tuple(map(str, wrong))
    )


def _round_decimal(rng: random.Random) -> Draft:
    places = rng.randint(1, 2)
    cut = 10 ** (3 - places)
    number = rng.randint(1000, 99999)
    number += 1 if 2 * (number % cut) == cut else 0
    low = number // cut
    right = low + (2 * (number % cut) > cut)
    near = [n / 10**places for n in (low, low + 1, low - 1, low + 2)]
    noun = "decimal place" if places == 1 else "decimal places"
    prompt = f"What is {number / 1000:.3f} rounded to {places} {noun}?"
    form = f"{{:.{places}f}}"
    return first_three(prompt, form.format(right / 10**places), map(form.format, near))


def _place_value(rng: random.Random) -> Draft:
    digits = rng.sample(range(1, 10), 5)
    place, name = rng.choice(list(enumerate(("units", "tens", "hundreds", "thousands"))))
    number = "".join(map(str, digits))
    prompt = f"Which digit of {number} stands in the {name} place?"
    wrong = rng.sample([str(d) for d in digits if d != digits[-1 - place]], 3)
    return Draft(prompt, number[-1 - place], tuple(wrong))


TASKS = (
    Task(
        "divisors_and_primes",
        ("prime number", "divisor", "multiple", "factor", "number theory"),
        generated(_gcd, _lcm, _prime_between, _smallest_factor, _divisor_count),
    ),
    Task(
        "number_sequences",
        ("sequence", "pattern", "next number", "progression", "series"),
        generated(_next_in_row, _missing_in_row),
    ),
    Task(
        "binary_numbers",
        ("binary", "base two", "bits", "number bases", "conversion"),
        generated(_to_binary, _from_binary, _binary_sum),
    ),
    Task(
        "hexadecimal_numbers",
        ("hexadecimal", "base sixteen", "hex digits", "number bases", "conversion"),
        generated(_to_hex, _from_hex, _hex_to_binary),
    ),
    Task(
        "roman_numerals",
        ("roman numerals", "ancient rome", "numerals", "number writing", "conversion"),
        generated(_to_roman, _from_roman),
    ),
    Task(
        "rounding_and_place_value",
        ("rounding", "place value", "decimal places", "digits", "approximation"),
        generated(_round, _round_decimal, _place_value),
    ),
)
