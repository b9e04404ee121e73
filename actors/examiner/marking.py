"""Marks an answer: 1.0 if right, 0.0 if not.

Owns what counts as an answer. Candidates are asked for a letter only, but write "The answer is
B.", "(b)", "**B**", the option's text or a whole paragraph; base models go on with questions of
their own. Nothing recognised is a wrong answer, and so is "A or B". The article "A" is not taken
for an option.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster.settings import Marking
from cluster.tables import letters

# What is taken off an answer, step by step, and off the key and the options alike. Signs that mean
# something stay: my_var, 2**3, C#, {1, 2}.
_MARKUP = [
    (re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"(?:\\(?:text|mathrm|mathbf|textbf)\s*|(?<=[\d^_]))\{([^{}]*)\}"), r"\1"),
    (re.compile(r"[`$\\]"), ""),
    (re.compile(r"(?<![\w*])[*_#]+|[*_]++(?!\w)"), ""),
]
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
_NEXT_QUESTION = re.compile(r"\n[^\S\n]*(?:Question|Q|User|Human)\b\s*\d*\s*[:.]")
_NUMBER = re.compile(
    r"[-+]?(?:(?:\d+(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?:/\d+(?:\.\d+)?)?"
)
_SEVERAL = "\0"  # in place of letters of which none is chosen
# What follows a letter: "(London) is wrong", "isn't the capital", "is the right one".
_ASIDE = r"(?:\s*\([^()\n]*\))?\s+"
_DENIED = (
    rf"{_ASIDE}(?i:cannot\b|(?:is|was|can|does|would(?:\s+be)?)"
    r"(?:n['\u2019]t\b|\s+(?:\w+\s+)?(?:not|wrong|incorrect|false)\b))"
)
_AFFIRMED = re.compile(
    rf"[\"')\]]{{0,3}}{_ASIDE}(?i:is|must be)\s+(?:the\s+)?(?i:correct|right|best)\b"
)
_STATED = re.compile(r"\banswer\b\s*(?:is|would be|was|=|:)?\s*:?\s*(?P<answer>[^\n]+)", re.I)


def mark(output: str | None, question: Mapping[str, Any], marking: Marking = "auto") -> float:
    """The score of what a candidate wrote to a row of QUESTIONS.

    ``marking`` says how free answers are compared; what a judge marks is not marked here.
    """
    if output is None:
        return 0.0
    if question["options"]:
        return float(chosen_letter(output, question["options"]) == question["answer"])
    verbatim = output.strip() == question["answer"].strip()
    return float(verbatim or _COMPARED[marking](_final(output), _plain(question["answer"])))


def has_answer(output: str, question: Mapping[str, Any], marking: Marking = "auto") -> bool:
    """Whether an answer, right or wrong, can be read from what a candidate wrote."""
    if question["options"]:
        return chosen_letter(output, question["options"]) is not None
    if marking == "numeric":
        return bool(_NUMBER.search(_final(output)))
    return bool(_own(output).strip())


def chosen_letter(text: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a text chooses; None if it chooses none or several."""
    text = _own(text)
    boxed = _BOXED.findall(text)
    bare = (boxed[-1] if boxed else text).strip()
    plain = _plain(bare)
    known = letters(len(options))
    verbatim = _verbatim(bare, known, options)
    options = [_plain(option) or option for option in options]
    named = _several_marked(plain, known, options)
    sure = _denied(known).sub("", named)
    # "B. Option A is ..." explains B; "B. No: the answer is A" takes it back.
    chosen = (
        verbatim
        or _stated(named, known, "answer")
        or _leading(sure, known, options)
        or _stated(sure, known, r"(?:correct|right|best)\s+(?:option|choice)|choose|chose|select")
        or _stated(sure, known, "option|choice")
        or _whole_option(plain, known, options)
        or _in_brackets(sure, known)
        or _named_option(plain, known, options)
        or _lone_capital(sure, known)
        or _only(set(_denied(known).findall(named)))  # "B is not a bird": asked which one is none
    )
    return None if chosen == _SEVERAL else chosen


def _own(text: str) -> str:
    """What a candidate wrote before it went on with a question of its own."""
    return _NEXT_QUESTION.split(text)[0]


def _several_marked(text: str, known: list[str], options: Sequence[str]) -> str:
    """A text with _SEVERAL for "A or B", "(a), (b) and (c)"; nothing, if an option says so."""
    small, capital = _either_case(known)
    one = rf"[\"'(\[]{{0,3}}(?:{capital}|{small})(?![\w'])[\"')\]]{{0,3}}"
    next_ = rf"(?:(?i:option)\s+)?{one}"
    # "B and C is right" names one; "B, C" is several where a line ends with it.
    joint = rf"\b(?i:or)\b|\b(?i:and)\b(?!\s+{next_}\s+(?:is|was)\b)|,(?=\s*{one}\.?\s*$)"
    # "B or a city" and "B and I am sure" name one, too.
    last = rf"(?![aIi]\s+\w){next_}"
    several = rf"(?<![^\s:(\[\"']){one}(?:\s*,\s*{next_}){{0,24}}(?:,?\s*(?:{joint})\s*{last})+"
    said = "\n".join(options)
    return re.sub(several, lambda hit: "" if hit[0] in said else _SEVERAL, text, flags=re.M)


def _denied(known: list[str]) -> re.Pattern[str]:
    """Finds the letters of which a text says that they are not right."""
    return re.compile(rf"(?<![\w'])([{''.join(known)}])(?=[\"')\]]{{0,3}}{_DENIED})")


def _plain(text: str) -> str:
    """A text without what only sets it: Markdown's and LaTeX's signs."""
    for sign, kept in _MARKUP:
        text = sign.sub(kept, text)
    return text.strip()


def _verbatim(text: str, known: list[str], options: Sequence[str]) -> str | None:
    """The text is an option's, sign for sign: "B cells", "C#"; a letter alone is read as such."""
    if text.upper() in known:
        return None
    texts = zip(known, options, strict=True)
    return _only({letter for letter, option in texts if option.strip() == text})


def _stated(text: str, known: list[str], words: str) -> str | None:
    """ "The answer is B", "Answer: (c)", "I choose **D**": the last, or the last called right."""
    small, capital = _either_case(known)
    ends = r"(?=[.,:;)!\]]|\s*$|\s+(?:because|since|as|is|and|for)\b)"
    letter = rf"[\"'(\[]*(?:([{_SEVERAL}{capital[1:]})(?![\w'])|({small}){ends})"
    said = re.compile(
        rf"\b(?i:{words})\b(?:\s+(?:is|would be|was|must be))?\s*[:=]?\s*"
        rf"(?:(?i:option|letter|choice)\s+)?{letter}",
        re.M,
    )
    found = [*said.finditer(text)]
    affirmed = [hit for hit in found if _AFFIRMED.match(text, hit.end())]
    last = next(reversed(affirmed or found), None)
    return (last[1] or last[2]).upper() if last else None


def _leading(text: str, known: list[str], options: Sequence[str]) -> str | None:
    """ "B", "(b)", "B. Paris", "B because ..."; not "A good question"."""
    small, capital = _either_case(known)
    letter = f"({capital}|{small}|{_SEVERAL})"
    closed = rf"[\"'(\[]*{letter}(?:[\")\].:,;]|'(?!\w)|\s*[-\u2013\u2014]\s|\s*$|\s*\n)"
    found = re.match(closed, text)
    if found:
        return found[1].upper()
    found = re.match(rf"({capital})\s+(.*)", text, re.S)
    if not found:
        return None
    letter, rest = found[1], found[2].casefold()
    article = letter in ("A", "I")
    sure = re.match(r"(?:because|since|is|as)\b", rest)
    repeats = rest.startswith(options[known.index(letter)].casefold())
    return letter if sure or repeats or not article else None


def _whole_option(text: str, known: list[str], options: Sequence[str]) -> str | None:
    """The text, or its first line, is an option's text."""
    for part in (text, text.split("\n")[0]):
        same = [
            letter for letter, option in zip(known, options, strict=True) if _same(part, option)
        ]
        if len(same) == 1:
            return same[0]
    return None


def _in_brackets(text: str, known: list[str]) -> str | None:
    small, capital = _either_case(known)
    return _only({letter.upper() for letter in re.findall(rf"\(({capital}|{small})\)", text)})


def _named_option(text: str, known: list[str], options: Sequence[str]) -> str | None:
    """Just one option's text stands in the text, as whole words; not 12 in -12, 5/12 or 3.12."""
    texts = {
        letter: option.casefold()
        for letter, option in zip(known, options, strict=True)
        if len(option) > 1 or option.isdigit()
    }
    # Long ones first, so that "south-west" does not name "west".
    any_of = "|".join(map(re.escape, sorted(texts.values(), key=len, reverse=True)))
    before = r"(?<!\w)(?!(?:(?<=[-\u2212/])|(?<=\d[.,]))\d)"
    after = r"(?!\w|[.,]\d|(?<=\d)[-\u2212/]\d)"
    found = set(re.findall(rf"{before}(?:{any_of}){after}", text.casefold()))
    return _only({letter for letter, option in texts.items() if option in found})


def _lone_capital(text: str, known: list[str]) -> str | None:
    """Just one capital stands alone, and is no "A" or "I" of a sentence."""
    found = re.findall(rf"(?<![\w'])([{''.join(known)}{_SEVERAL}])(?![\w'])(\s*\w)?", text)
    return _only({letter for letter, word in found if letter not in ("A", "I") or not word})


def _either_case(known: list[str]) -> tuple[str, str]:
    capital = f"[{known[0]}-{known[-1]}]"
    return capital.lower(), capital


def _only(found: set[str]) -> str | None:
    return found.pop() if len(found) == 1 else None


def _final(text: str) -> str:
    """The part of a free answer that counts: what is boxed, or stated as the answer, or all."""
    text = _own(text)
    boxed = _BOXED.findall(text)
    stated = _STATED.findall(text)
    return _plain((boxed or stated or [text])[-1])


def _either(text: str, answer: str) -> bool:
    return (
        _numeric(text, answer)
        if is_number(answer) and _NUMBER.search(text)
        else _exact(text, answer)
    )


def _exact(text: str, answer: str) -> bool:
    return any(_same(part, answer) for part in (text, text.split("\n")[0]))


def _numeric(text: str, answer: str) -> bool:
    # Long answers reckon first and end with the result.
    numbers = _NUMBER.findall(text)
    return bool(numbers) and _same_number(numbers[-1], answer)


_COMPARED: Mapping[Marking, Callable[[str, str], bool]] = {
    "auto": _either,
    "exact": _exact,
    "numeric": _numeric,
}


def is_number(answer: str) -> bool:
    """Whether an answer can be marked as a number."""
    return _number(answer) is not None


def _same(text: str, other: str) -> bool:
    if _number(text) is not None and _number(other) is not None:
        return _same_number(text, other)
    return bool(_words(text)) and _words(text) == _words(other)


def _words(text: str) -> str:
    bare = re.sub(r"^(?:the|a|an)\s+", "", " ".join(text.casefold().split()))
    return bare.strip(" .,;:!?\"'()[]{}")


def _same_number(text: str, other: str) -> bool:
    one, two = _number(text), _number(other)
    return one is not None and two is not None and math.isclose(one, two, rel_tol=1e-6)


def _number(text: str) -> float | None:
    bare = text.lstrip(" $€£").rstrip(" .%$€£")
    if not _NUMBER.fullmatch(bare):
        return None
    top, _, bottom = bare.replace(",", "").partition("/")
    try:
        number = float(top) / float(bottom or 1)
    except ZeroDivisionError:
        return None
    return number if math.isfinite(number) else None
