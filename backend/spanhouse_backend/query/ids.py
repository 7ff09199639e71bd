"""Ids of traces and spans, as whoever asks writes them."""

import re

from spanhouse_backend.errors import InvalidQuestion

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")


def parse_trace_id(text: str) -> str:
    """A trace id in the spelling the store keeps. Raises InvalidQuestion naming trace_id."""
    return _parsed("trace_id", text, _TRACE_ID, 32)


def parse_span_id(text: str) -> str:
    """A span id in the spelling the store keeps. Raises InvalidQuestion naming span_id."""
    return _parsed("span_id", text, _SPAN_ID, 16)


def _parsed(parameter: str, text: str, pattern: re.Pattern[str], digits: int) -> str:
    written = text.strip().lower()
    if not pattern.fullmatch(written) or not int(written, 16):
        raise InvalidQuestion(parameter, f"{text[:100]!r} is not {digits} hexadecimal digits, not all zero")
    return written
