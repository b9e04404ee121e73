"""Computed tasks on the letters of words: reversing, counting, ordering, scrambling, shifting."""

import random
import string

from actors.examiner.bank.task import Draft, Task, first_three, generated, numeric, pick, word_list

_WORDS = word_list("""
    anchor animal answer autumn bakery balloon banana basket beacon bottle branch breakfast bridge
    bucket button cabbage camera candle canyon carpet castle cherry circle clover coffee copper
    cotton cousin cradle dancer desert dinner doctor dragon eagle elephant engine falcon farmer
    feather finger flower forest garden giraffe glacier guitar hammer harbor helmet honey hospital
    island jacket jungle kettle kitchen ladder lantern lemon library lobster marble market meadow
    mirror monkey mountain napkin needle notebook ocean orange oyster palace paper parrot pebble
    pencil penguin pepper picture pillow planet pocket potato pumpkin rabbit railway ribbon river
    rocket saddle sailor sandwich scissors shadow shoulder silver spider spinach station summer
    tailor teacher temple thunder ticket tomato tunnel turtle umbrella valley velvet village violin
    wagon walnut weather whistle window winter yellow
""")
_ALPHABET = string.ascii_lowercase


def _swapped(rng: random.Random, word: str) -> str:
    """``word`` with two neighbours exchanged that differ."""
    place = rng.choice([i for i in range(len(word) - 1) if word[i] != word[i + 1]])
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _near(rng: random.Random, prompt: str, right: str) -> Draft:
    return first_three(prompt, right, (_swapped(rng, right) for _ in range(40)))


def _reverse(rng: random.Random) -> Draft:
    word = rng.choice(_WORDS)
    return _near(rng, f"What is '{word}' spelled backwards?", word[::-1])


def _reverse_code(rng: random.Random) -> Draft:
    code = "".join(rng.choices(_ALPHABET + string.digits, k=rng.randint(5, 8)))
    if len(set(code)) < 4:
        return _reverse_code(rng)
    return _near(rng, f"What is '{code}' read from right to left?", code[::-1])


def _reverse_order(rng: random.Random) -> Draft:
    words = rng.sample(_WORDS, 4)
    others = [rng.sample(words, 4) for _ in range(12)]
    right = " ".join(words[::-1])
    prompt = f"What is '{' '.join(words)}' with the order of its words reversed?"
    return first_three(prompt, right, [" ".join(other) for other in others])


def _count_letter(rng: random.Random) -> Draft:
    words = rng.sample(_WORDS, rng.randint(1, 3))
    text = " ".join(words)
    letter = rng.choice(sorted(set(text) - {" "}))
    prompt = f"How many times does the letter {letter} occur in '{text}'?"
    return numeric(rng, prompt, text.count(letter))


def _count_vowels(rng: random.Random) -> Draft:
    text = " ".join(rng.sample(_WORDS, rng.randint(1, 3)))
    right = sum(text.count(vowel) for vowel in "aeiou")
    return numeric(rng, f"How many of the letters a, e, i, o, u are there in '{text}'?", right)


def _count_all(rng: random.Random) -> Draft:
    text = " ".join(rng.sample(_WORDS, rng.randint(1, 3)))
    right = len(text.replace(" ", ""))
    return numeric(rng, f"How many letters does '{text}' have, not counting spaces?", right)


def _between_words(rng: random.Random) -> Draft:
    words = sorted(_WORDS)
    place = rng.randint(4, len(words) - 5)
    low, right, high = words[place - 1 : place + 2]
    outside = [*words[place - 4 : place - 1], *words[place + 2 : place + 5]]
    prompt = f"Which word stands between '{low}' and '{high}' in a dictionary?"
    return pick(rng, prompt, right, outside)


def _first_word(rng: random.Random) -> Draft:
    words = rng.sample(_WORDS, 6)
    which, right = rng.choice((("first", min(words)), ("last", max(words))))
    prompt = f"Which of {', '.join(words)} comes {which} in alphabetical order?"
    return pick(rng, prompt, right, words)


def _alphabet_place(rng: random.Random) -> Draft:
    place, shift = rng.randint(8, 17), rng.randint(2, 8)
    way, right = rng.choice((("after", place + shift), ("before", place - shift)))
    near = [_ALPHABET[(right + d) % 26] for d in (-2, -1, 1, 2)]
    prompt = f"Which letter stands {shift} places {way} {_ALPHABET[place]} in the alphabet?"
    return pick(rng, prompt, _ALPHABET[right], near)


def _alike(word: str) -> list[str]:
    """The six words that mislead best: of about the same length, with many of the letters."""
    others = [other for other in _WORDS if sorted(other) != sorted(word)]
    others.sort(key=lambda w: (abs(len(w) - len(word)), -len(set(w) & set(word))))
    return others[:6]


def _anagram(rng: random.Random) -> Draft:
    word = rng.choice(_WORDS)
    scrambled = "".join(rng.sample(word, len(word)))
    if scrambled == word:
        return _anagram(rng)
    prompt = f"Which word can be made from all letters of '{scrambled}'?"
    return pick(rng, prompt, word, _alike(word))


def _shifted(word: str, shift: int) -> str:
    return "".join(_ALPHABET[(_ALPHABET.index(letter) + shift) % 26] for letter in word)


def _encode(rng: random.Random) -> Draft:
    word, shift = rng.choice(_WORDS), rng.randint(1, 5)
    near = [_shifted(word, d) for d in (shift + 1, shift - 1, -shift)]
    prompt = f"What is '{word}' with each letter moved {shift} forward in the alphabet (z to a)?"
    slips = [slip for slip in near if slip != word]
    return first_three(prompt, _shifted(word, shift), [*slips, _shifted(word, shift + 2)])


def _decode(rng: random.Random) -> Draft:
    word, shift = rng.choice(_WORDS), rng.randint(1, 5)
    prompt = f"Each letter of a word was moved {shift} forward, giving '{_shifted(word, shift)}'. "
    return pick(rng, f"{prompt}Which word was it?", word, _alike(word))


def _edited(rng: random.Random) -> Draft:
    word = rng.choice(_WORDS)
    old = rng.choice(sorted(set(word)))
    new = rng.choice([letter for letter in "aeiklnorst" if letter not in word])
    ask, right, slips = rng.choice(
        (
            (f"every {old} replaced by {new}", word.replace(old, new), [word.replace(old, new, 1)]),
            (f"every {old} left out", word.replace(old, ""), [word.replace(old, "", 1)]),
            ("its first and last letter exchanged", word[-1] + word[1:-1] + word[0], []),
            ("its first letter moved to the end", word[1:] + word[0], [word[-1] + word[:-1]]),
            ("every second letter kept, from the first", word[::2], [word[1::2]]),
        )
    )
    near = [_swapped(rng, right) for _ in range(40) if len(set(right)) > 1]
    return first_three(f"What is '{word}' with {ask}?", right, [*slips, *near])


def _char_at(rng: random.Random) -> Draft:
    word = rng.choice([w for w in _WORDS if len(set(w)) >= 5])
    place, ordinal = rng.choice(list(enumerate(("second", "third", "fourth", "fifth"), start=1)))
    end, letters = rng.choice((("start", word), ("end", word[::-1])))
    prompt = f"What is the {ordinal} letter of '{word}', counted from the {end}?"
    return pick(rng, prompt, letters[place], sorted(set(word)))


TASKS = (
    Task(
        "reversing",
        ("reversal", "spelling backwards", "letters", "string", "word order"),
        generated(_reverse, _reverse_code, _reverse_order),
    ),
    Task(
        "counting_letters",
        ("counting", "letters", "vowels", "word length", "spelling"),
        generated(_count_letter, _count_vowels, _count_all),
    ),
    Task(
        "alphabetical_order",
        ("alphabet", "alphabetical order", "dictionary", "letters", "ordering"),
        generated(_between_words, _first_word, _alphabet_place),
    ),
    Task(
        "anagrams",
        ("anagram", "scrambled word", "letters", "word game", "vocabulary"),
        generated(_anagram),
    ),
    Task(
        "letter_ciphers",
        ("cipher", "caesar shift", "encoding", "decoding", "alphabet"),
        generated(_encode, _decode),
    ),
    Task(
        "string_editing",
        ("string", "replacement", "letter position", "deletion", "rewriting"),
        generated(_edited, _char_at),
    ),
)
