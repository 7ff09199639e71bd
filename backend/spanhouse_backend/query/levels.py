"""Severities as people ask for them: a word is all four numbers of its level.

A record whose sender gave none has 0, which is no level: it is neither above nor below any.
"""

from typing import NamedTuple

from spanhouse_backend.severities import HIGHEST, LEVELS, OTHER_WORDS, PER_LEVEL, least_of


class Severities(NamedTuple):
    """The numbers from `least` to `most`, both included."""

    least: int
    most: int


def parse_level(text: str) -> Severities | None:
    """The numbers that a word (any case) or a number means; None when it is neither."""
    word = text.strip().lower()
    word = OTHER_WORDS.get(word, word)
    if word in LEVELS:
        least = least_of(word)
        return Severities(least, least + PER_LEVEL - 1)
    if word.isascii() and word.isdecimal() and len(word) <= len(str(HIGHEST)) and 1 <= int(word) <= HIGHEST:
        return Severities(int(word), int(word))
    return None


def level_words() -> str:
    """What a level can be written as, for messages."""
    return f"{', '.join(LEVELS)}, nor a number from 1 to {HIGHEST}"
