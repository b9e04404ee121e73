"""Marks an answer: 1.0 if right, 0.0 if not.

Owns what counts as an answer. Candidates are asked for a letter only, but write "The answer is
B.", "(b)", "**B**", the option's text or a whole paragraph; base models go on with questions of
their own. Nothing recognised is a wrong answer. The article "A" is not taken for an option.
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
_NEXT_QUESTION = re.compile(r"\n\s*(?:Question|Q|User|Human)\b\s*\d*\s*[:.]")
_NUMBER = re.compile(
    r"[-+]?(?:(?:\d+(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?:/\d+(?:\.\d+)?)?"
)
_STATED = re.compile(r"\banswer\b\s*(?:is|would be|was|=|:)?\s*:?\s*(?P<answer>[^\n]+)", re.I)


def mark(output: str | None, question: Mapping[str, Any], marking: Marking = "auto") -> float:
    """The score of what a candidate wrote to a row of QUESTIONS.

    ``marking`` says how free answers are compared; what a judge marks is not marked here.
    """
    if output is None:
        return 0.0
    text = _NEXT_QUESTION.split(output)[0]
    if question["options"]:
        return float(chosen_letter(text, question["options"]) == question["answer"])
    verbatim = output.strip() == question["answer"].strip()
    return float(verbatim or _COMPARED[marking](_final(text), _plain(question["answer"])))


def has_answer(output: str, question: Mapping[str, Any], marking: Marking = "auto") -> bool:
    """Whether an answer, right or wrong, can be read from what a candidate wrote."""
    text = _NEXT_QUESTION.split(output)[0]
    if question["options"]:
        return chosen_letter(text, question["options"]) is not None
    if marking == "numeric":
        return bool(_NUMBER.search(_final(text)))
    return bool(text.strip())


def chosen_letter(text: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a text chooses; None if it chooses none or several."""
    boxed = _BOXED.findall(text)
    bare = (boxed[-1] if boxed else text).strip()
    plain = _plain(bare)
    known = letters(len(options))
    verbatim = _verbatim(bare, known, options)
    options = [_plain(option) or option for option in options]
    return (
        verbatim
        or _stated(plain, known)
        or _leading(plain, known, options)
        or _whole_option(plain, known, options)
        or _in_brackets(plain, known)
        or _named_option(plain, known, options)
        or _lone_capital(plain, known)
    )


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


def _stated(text: str, known: list[str]) -> str | None:
    """ "The answer is B", "Answer: (c)", "I choose **D**": the last one counts."""
    small, capital = _either_case(known)
    ends = r"(?=[.,:;)!\]]|\s*$|\s+(?:because|since|as|is|and|for)\b)"
    letter = rf"[\"'(\[]*(?:({capital})(?![\w'])|({small}){ends})"
    # "The answer is C because option A is wrong": options count where no answer is stated.
    for words in ("answer", "option|choice|choose|chose|select"):
        found = re.findall(
            rf"\b(?i:{words})\b(?:\s+(?:is|would be|was|must be))?\s*[:=]?\s*"
            rf"(?:(?i:option|letter|choice)\s+)?{letter}",
            text,
            re.M,
        )
        if found:
            return "".join(found[-1]).upper()
    return None


def _leading(text: str, known: list[str], options: Sequence[str]) -> str | None:
    """ "B", "(b)", "B. Paris", "B because ..."; not "A good question"."""
    small, capital = _either_case(known)
    closed = rf"[\"'(\[]*({capital}|{small})(?:[\")\].:,;]|'(?!\w)|\s*[-\u2013\u2014]\s|\s*$|\s*\n)"
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
    """Just one option's text stands in the text, as whole words."""
    low = text.casefold()
    return _only(
        {
            letter
            for letter, option in zip(known, options, strict=True)
            if (len(option) > 1 or option.isdigit())
            and re.search(rf"(?<!\w){re.escape(option.casefold())}(?!\w|[.,]\d)", low)
        }
    )


def _lone_capital(text: str, known: list[str]) -> str | None:
    """Just one capital stands alone, and is no "A" or "I" of a sentence."""
    found = re.findall(rf"(?<![\w'])([{''.join(known)}])(?![\w'])(\s*\w)?", text)
    return _only({letter for letter, word in found if letter not in ("A", "I") or not word})


def _either_case(known: list[str]) -> tuple[str, str]:
    capital = f"[{known[0]}-{known[-1]}]"
    return capital.lower(), capital


def _only(found: set[str]) -> str | None:
    return found.pop() if len(found) == 1 else None


def _final(text: str) -> str:
    """The part of a free answer that counts: what is boxed, or stated as the answer, or all."""
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
