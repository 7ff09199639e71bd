"""Severities of log records by their words: OpenTelemetry's numbers 1 to 24, four to a word.

They are those of its logs data model ("Severity fields"). A record whose sender gave none has 0, which is no level: it
is neither above nor below any.
"""

from types import MappingProxyType
from typing import NamedTuple

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
"""From the least severe to the most."""
_PER_LEVEL = 4
HIGHEST = len(LEVELS) * _PER_LEVEL
_OTHER_WORDS = MappingProxyType({"warning": "warn", "critical": "fatal"})


class Severities(NamedTuple):
    """The numbers from `least` to `most`, both included."""

    least: int
    most: int


def parse_level(text: str) -> Severities | None:
    """The numbers that a word (any case) or a number means; None when it is neither."""
    word = text.strip().lower()
    word = _OTHER_WORDS.get(word, word)
    if word in LEVELS:
        most = (LEVELS.index(word) + 1) * _PER_LEVEL
        return Severities(most - _PER_LEVEL + 1, most)
    if word.isascii() and word.isdecimal() and len(word) <= len(str(HIGHEST)) and 1 <= int(word) <= HIGHEST:
        return Severities(int(word), int(word))
    return None


def level_words() -> str:
    """What a level can be written as, for messages."""
    return f"{', '.join(LEVELS)}, nor a number from 1 to {HIGHEST}"


def level_of(severity_number: int) -> str:
    """The word for a severity; "" for none."""
    return LEVELS[min((severity_number - 1) // _PER_LEVEL, len(LEVELS) - 1)] if severity_number > 0 else ""
