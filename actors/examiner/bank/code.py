"""Computed tasks on short programs: what a Python snippet prints, what a pattern matches."""

import random
import re
from collections.abc import Iterable

from actors.examiner.bank.task import Draft, Task, first_three, generated, numeric, pick, word_list

_WORDS = word_list(
    "python matrix kernel socket thread buffer cursor branch module syntax widget router"
)
_KEYS = word_list("apple pear plum fig kiwi lime")


def _prints(*lines: str) -> str:
    return "What does this Python code print?\n\n" + "\n".join(lines)


def _shown(rng: random.Random, prompt: str, right: object, near: Iterable[object]) -> Draft:
    others = [str(value) for value in near if str(value)]
    rng.shuffle(others)
    return first_three(prompt, str(right), others)


def _accumulate(rng: random.Random) -> Draft:
    start, stop, step = rng.randint(0, 5), rng.randint(8, 20), rng.randint(1, 4)
    factor = rng.randint(1, 3)
    right = sum(factor * i for i in range(start, stop, step))
    prompt = _prints(
        "total = 0",
        f"for i in range({start}, {stop}, {step}):",
        f"    total += {factor} * i",
        "print(total)",
    )
    over = sum(factor * i for i in range(start, stop + step, step))
    return numeric(rng, prompt, right, over, right + factor * step)


def _filtered(rng: random.Random) -> Draft:
    stop, divisor, rest = rng.randint(10, 30), rng.randint(2, 5), rng.randint(0, 1)
    right = sum(1 for i in range(stop) if i % divisor == rest)
    prompt = _prints(
        "count = 0",
        f"for i in range({stop}):",
        f"    if i % {divisor} == {rest}:",
        "        count += 1",
        "print(count)",
    )
    return numeric(rng, prompt, right, right + 1, right - 1)


def _halving(rng: random.Random) -> Draft:
    number = start = rng.randint(20, 900)
    divisor, steps = rng.randint(2, 4), 0
    while number > 1:
        number //= divisor
        steps += 1
    prompt = _prints(
        f"n, steps = {start}, 0",
        "while n > 1:",
        f"    n //= {divisor}",
        "    steps += 1",
        "print(steps)",
    )
    return numeric(rng, prompt, steps, steps + 1, steps - 1)


def _nested(rng: random.Random) -> Draft:
    outer, inner = rng.randint(3, 7), rng.randint(3, 7)
    bound, count = rng.choice(((f"{inner}", outer * inner), ("i", outer * (outer - 1) // 2)))
    prompt = _prints(
        "count = 0",
        f"for i in range({outer}):",
        f"    for j in range({bound}):",
        "        count += 1",
        "print(count)",
    )
    return numeric(rng, prompt, count, outer * (outer + 1) // 2, outer + inner)


def _list_slice(rng: random.Random) -> Draft:
    numbers = rng.sample(range(1, 60), 7)
    low, high, step = rng.randint(0, 2), rng.randint(4, 6), rng.randint(1, 2)
    text, right = rng.choice(
        [
            (f"{low}:{high}", numbers[low:high]),
            (f"{low}:{high}:{step + 1}", numbers[low : high : step + 1]),
            (f"-{high - 1}:-{step}", numbers[1 - high : -step]),
            ("::-1", numbers[::-1]),
            (f":{high}", numbers[:high]),
            (f"{high}:{low}:-{step}", numbers[high:low:-step]),
        ]
    )
    prompt = _prints(f"a = {numbers}", f"print(a[{text}])")
    near = [
        numbers[low : high + 1],
        numbers[low + 1 : high + 1],
        right[:-1],
        right[1:],
        right[::-1],
    ]
    return _shown(rng, prompt, right, near)


def _list_method(rng: random.Random) -> Draft:
    row = rng.sample(range(1, 30), 4)
    new, place = rng.randint(30, 60), rng.randint(0, 2)
    inserted = [*row[:place], new, *row[place:]]
    text, right = rng.choice(
        [
            (f"a.insert({place}, {new})", inserted),
            (f"a.append({new})", [*row, new]),
            (f"a.pop({place})", row[:place] + row[place + 1 :]),
            ("a.sort()", sorted(row)),
            (f"a.remove({row[place]})", row[:place] + row[place + 1 :]),
            ("a.reverse()", row[::-1]),
        ]
    )
    near = [row, row[:-1], row[1:], [new, *row], inserted, sorted(row, reverse=True), row[::-1]]
    return _shown(rng, _prints(f"a = {row}", text, "print(a)"), right, near)


def _comprehension(rng: random.Random) -> Draft:
    stop, factor, divisor = rng.randint(6, 10), rng.randint(2, 5), rng.randint(2, 3)
    right = [factor * i for i in range(stop) if i % divisor == 0]
    prompt = _prints(f"print([{factor} * i for i in range({stop}) if i % {divisor} == 0])")
    near = [
        right[1:],
        [factor * i for i in range(stop) if i % divisor],
        [i for i in range(stop) if i % divisor == 0],
        [factor * i for i in range(1, stop + 1) if i % divisor == 0],
    ]
    return _shown(rng, prompt, right, near)


def _string_method(rng: random.Random) -> Draft:
    word, (i, j) = rng.choice(_WORDS), sorted(rng.sample(range(1, 6), 2))
    old = rng.choice(word)
    at = word.find(old)
    text, right, near = rng.choice(
        [
            (f"s[{i}:{j}]", word[i:j], [word[i - 1 : j], word[i : j + 1], word[i - 1 : j - 1]]),
            (f"s[-{i}]", word[-i], sorted(set(word))),
            ("s[::-1].title()", word[::-1].title(), [word[::-1], word.title(), word[::-1].upper()]),
            (f"s[:{i}] + s[{i + 1}:]", word[:i] + word[i + 1 :], [word, word[: i - 1] + word[i:]]),
            (f"s.replace('{old}', '*')", word.replace(old, "*"), [word.replace(old, ""), word]),
            (f"s.find('{old}')", str(at), [str(at + d) for d in (-1, 1, 2)]),
            (f"s[{i}:].upper()", word[i:].upper(), [word[: i + 1].upper(), word[i:], word.upper()]),
            (f"s[::{i + 1}]", word[:: i + 1], [word[:i], word[1 :: i + 1], word[: i + 1]]),
        ]
    )
    rng.shuffle(near)
    more = [word[:-1], word[1:], word.upper()]
    return first_three(
        _prints(f"s = '{word}'", f"print({text})"), str(right), map(str, near + more)
    )


def _split_join(rng: random.Random) -> Draft:
    words, sign = rng.sample(_WORDS, 3), rng.choice("-_/+")
    orders = [sign.join(order) for order in (words, words[::-1], [words[1], words[0], words[2]])]
    orders += [sign.join(order) for order in (sorted(words), sorted(words, reverse=True))]
    initials = "".join(word[0] for word in words)
    text, right, near = rng.choice(
        [
            (f"'{sign}'.join(s.split())", orders[0], orders),
            (f"'{sign}'.join(reversed(s.split()))", orders[1], orders),
            (f"'{sign}'.join(sorted(s.split()))", orders[3], orders),
            ("s.split()[-1]", words[-1], [*words, words[-1][-1]]),
            (
                "''.join(w[0] for w in s.split())",
                initials,
                [initials[::-1], words[0], words[0][:3], "".join(word[-1] for word in words)],
            ),
        ]
    )
    prompt = _prints(f"s = '{' '.join(words)}'", f"print({text})")
    return _shown(rng, prompt, right, near)


def _dict_update(rng: random.Random) -> Draft:
    one, two, three = rng.sample(_KEYS, 3)
    n, m, k = rng.randint(1, 20), rng.randint(1, 20), rng.randint(2, 20)
    prompt = _prints(
        f"d = {{'{one}': {n}, '{two}': {m}}}",
        f"d['{one}'] += {k}",
        f"d['{three}'] = d.get('{three}', {k + 1})",
        "print(sum(d.values()))",
    )
    right = n + m + k + k + 1
    return numeric(rng, prompt, right, n + m + k, n + m + 2 * k, m + k + k + 1)


def _dict_count(rng: random.Random) -> Draft:
    word = "".join(rng.choices("abcd", k=rng.randint(6, 10)))
    letter = rng.choice("abcd")
    prompt = _prints(
        "d = {}",
        f"for c in '{word}':",
        "    d[c] = d.get(c, 0) + 1",
        f"print(d.get('{letter}', -1), len(d))",
    )
    count, size = word.count(letter) or -1, len(set(word))
    near = [f"{count + 1} {size}", f"{size} {count}", f"{count} {size + 1}", f"{count} {len(word)}"]
    return _shown(rng, prompt, f"{count} {size}", near)


def _dict_pick(rng: random.Random) -> Draft:
    keys, values = rng.sample(_KEYS, 4), rng.sample(range(1, 40), 4)
    table = dict(zip(keys, values, strict=True))
    text, right = rng.choice(
        [
            ("max(d, key=d.get)", max(keys, key=lambda key: table[key])),
            ("min(d, key=d.get)", min(keys, key=lambda key: table[key])),
            ("max(d)", max(keys)),
            ("min(d)", min(keys)),
            ("sorted(d)[1]", sorted(keys)[1]),
        ]
    )
    return _shown(rng, _prints(f"d = {table}", f"print({text})"), right, keys)


def _integer_operators(rng: random.Random) -> Draft:
    a, b, c = rng.randint(10, 99), rng.randint(3, 9), rng.randint(2, 4)
    text, right, slips = rng.choice(
        [
            (f"{a} // {b} + {a} % {b}", a // b + a % b, (a // b, a % b)),
            (f"{a} % {b} ** {c}", a % b**c, ((a % b) ** c,)),
            (f"{a} - {b} * {c} // 2", a - b * c // 2, ((a - b * c) // 2,)),
            (f"{c} ** {b - 1} // {b}", c ** (b - 1) // b, (c * (b - 1) // b,)),
            (f"-{a} // {b}", -a // b, (-(a // b), a // b)),
            (f"{a} & {b}", a & b, (a | b, a ^ b)),
            (f"{a} | {b}", a | b, (a & b, a + b)),
            (f"{a} ^ {b}", a ^ b, (a & b, a + b)),
            (f"{b} << {c}", b << c, (b * c, b**c)),
            (f"{a} >> {c}", a >> c, (a // c, a - c)),
        ]
    )
    return numeric(rng, _prints(f"print({text})"), right, *slips)


def _linear(first: int, factor: int, shift: int, depth: int) -> int:
    return first if depth == 0 else factor * _linear(first, factor, shift, depth - 1) + shift


def _recursion(rng: random.Random) -> Draft:
    first, factor, shift = rng.randint(0, 4), rng.randint(1, 3), rng.randint(1, 5)
    depth = rng.randint(2, 5)
    call = "f(n - 1)" if factor == 1 else f"{factor} * f(n - 1)"
    prompt = _prints(
        "def f(n):",
        "    if n == 0:",
        f"        return {first}",
        f"    return {call} + {shift}",
        f"print(f({depth}))",
    )
    values = [_linear(first, factor, shift, depth + d) for d in (0, -1, 1)]
    return numeric(rng, prompt, *values)


def _digit_sum(rng: random.Random) -> Draft:
    number = rng.randint(100, 99999)
    right = sum(map(int, str(number)))
    prompt = _prints(
        "def f(n):",
        "    return n if n < 10 else n % 10 + f(n // 10)",
        f"print(f({number}))",
    )
    return numeric(rng, prompt, right, right - number % 10)


def _function(rng: random.Random) -> Draft:
    a, b, c = rng.randint(1, 9), rng.randint(1, 9), rng.randint(2, 6)
    prompt = _prints(
        f"def f(x, y={a}):",
        f"    return {c} * x - y",
        f"print(f({b}) + f(y={b}, x={a}))",
    )
    right = (c * b - a) + (c * a - b)
    return numeric(rng, prompt, right, 2 * (c * b - a), (c * b - a) + (c * b - a) + 1)


_ATOMS = (
    (r"\d", "358"),
    (r"[a-c]", "abc"),
    ("x+", ("x", "xx", "xxx")),
    (r"\d{2}", ("47", "90", "15")),
    ("(ab|cd)", ("ab", "cd")),
    ("k?", ("k", "")),
    ("[^0-9]", "pq#"),
    ("z*", ("", "z", "zz")),
    ("mn{2}", ("mnn",)),
    ("[A-Z]", "QRT"),
    (r"\.", "."),
)


def _pattern(rng: random.Random) -> Draft:
    atoms = rng.sample(_ATOMS, 3)
    pattern = "".join(atom for atom, _ in atoms)
    right = "".join(rng.choice(samples) for _, samples in atoms)
    near = [
        right[:i] + new + right[i + 1 :]
        for i in range(len(right))
        for new in ("", "7", "77", "b", "b7", "x", "Z", "kk", "nn", "_")
    ]
    wrong = [text for text in near if text and not re.fullmatch(pattern, text)]
    prompt = f"Which string does the regular expression `{pattern}` match as a whole?"
    return pick(rng, prompt, right, wrong)


TASKS = (
    Task(
        "code_loops",
        ("python", "loop", "code output", "iteration", "tracing"),
        generated(_accumulate, _filtered, _halving, _nested),
    ),
    Task(
        "code_lists",
        ("python", "list", "slicing", "code output", "comprehension"),
        generated(_list_slice, _list_method, _comprehension),
    ),
    Task(
        "code_strings",
        ("python", "string methods", "code output", "indexing", "splitting"),
        generated(_string_method, _split_join),
    ),
    Task(
        "code_dictionaries",
        ("python", "dictionary", "keys", "code output", "mapping"),
        generated(_dict_update, _dict_count, _dict_pick),
    ),
    Task(
        "code_operators",
        ("python", "operators", "integer division", "bitwise", "code output"),
        generated(_integer_operators),
    ),
    Task(
        "code_functions",
        ("python", "function", "recursion", "arguments", "code output"),
        generated(_recursion, _digit_sum, _function),
    ),
    Task(
        "regular_expressions",
        ("regular expression", "pattern", "matching", "text search", "wildcard"),
        generated(_pattern),
    ),
)
