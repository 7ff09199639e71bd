"""What an answer is, whatever the question: rows, and where their numbers came from.

Durations are integer nanoseconds in fields ending in _ns, times are Unix nanoseconds in fields ending in _unix_ns.
"""

import math
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Source = Literal["rollup_1m", "rollup_1h", "raw"]
# bucketed: percentiles are read off histogram buckets, within 0.55% of the true order statistic. bounded: off
# the buckets that whoever measured chose, and each row says between which bounds the true order statistic lies.
Accuracy = Literal["bucketed", "bounded", "exact"]
RowT = TypeVar("RowT")


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[RowT]):
    """Rows over the half-open window [from_ns, to_ns) that was answered: rollups answer whole minutes.

    `from_ns` 0 is everything stored. `notes` are sentences for whoever reads the numbers, such as that the spans of
    the beginning of the window have expired; usually there are none.
    """

    source: Source
    accuracy: Accuracy
    from_ns: int
    to_ns: int
    notes: tuple[str, ...] = ()
    rows: tuple[RowT, ...]


@dataclass(frozen=True, slots=True)
class NoRow:
    """There are no rows: the answer is in what is said around them."""


def finite(value: float | None) -> float | None:
    """A number; None for those that JSON has no word for, which a sum of what is finite may be."""
    return None if value is None or not math.isfinite(value) else value
