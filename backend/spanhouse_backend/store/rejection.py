"""What the store says of a request it took: how many of its spans it refused, and why."""

from typing import NamedTuple


class Rejection(NamedTuple):
    """Spans of one request that were refused; the request's other spans are stored."""

    spans: int = 0
    reason: str = ""
    """What was wrong with most of them: 'invalid trace_id'."""


NOTHING = Rejection()
