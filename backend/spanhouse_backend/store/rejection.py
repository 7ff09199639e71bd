"""What the store says of a request: how many of its records it refused, or that another server is at it.

Records are what requests hold many of: spans, log records, data points.
"""

from collections.abc import Mapping
from typing import NamedTuple

from spanhouse_backend.errors import StoreError


class Rejection(NamedTuple):
    """Records of one request that were refused; the request's other records are stored."""

    records: int = 0
    reason: str = ""
    """What was wrong with most of them: 'invalid trace_id'."""


NOTHING = Rejection()


class Contested(StoreError):
    """A group that was not begun: some of its requests are not this server's to store.

    `stored` are known to be stored, with what they came to; `held` are being stored by somebody, and asking again
    later will tell. The others are free.
    """

    def __init__(self, stored: Mapping[bytes, Rejection], held: frozenset[bytes]) -> None:
        super().__init__(f"{len(stored)} requests are stored already, {len(held)} are being stored by another server")
        self.stored = stored
        self.held = held
