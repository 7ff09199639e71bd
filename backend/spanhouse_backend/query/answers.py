"""What an answer is, whatever the question: rows, and where their numbers came from.

Durations are integer nanoseconds in fields ending in _ns, times are Unix nanoseconds in fields ending in _unix_ns.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Source = Literal["rollup_1m", "rollup_1h", "raw"]
# bucketed: percentiles are read off histogram buckets, within 0.55% of the true order statistic.
Accuracy = Literal["bucketed", "exact"]
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
