"""Lengths of time and shares as declared files write them.

Lengths are read where questions read theirs, so "1h30m" means the same everywhere; what is refused is refused in words
that say what to write instead.
"""

import re

from spanhouse_backend.declared.strict import wrong
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.times import parse_length

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%|(0?\.[0-9]{1,8}|0|1)")


def length_ns(value: object) -> int:
    """Nanoseconds. Raises as validators do."""
    if not isinstance(value, str):
        raise wrong("is to be a length of time, such as 250ms or 15m")
    try:
        return parse_length("", value)
    except InvalidQuestion as error:
        raise wrong(error.problem) from error


def share(value: object) -> float:
    """From 0 to 1, itself not included. Raises as validators do."""
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    found = float(match[1]) / 100 if match and match[1] else float(match[2]) if match else 2.0
    if found >= 1:
        raise wrong(f"{value!r} is not a share below all: write 5% or 0.05")
    return found
