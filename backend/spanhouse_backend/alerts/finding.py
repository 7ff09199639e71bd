"""What a rule found: well, a breach, or nothing known, with the figures that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["breach", "well", "unknown"]
Unit = Literal["ns", "share", "calls"]
MAX_LISTED = 20
"""So many groups of calls are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One group of calls: what it is (by the field it is grouped by), how it does, and in words.

    `value` is in the finding's unit, None where there were too few calls to tell.
    """

    group: Mapping[str, str]
    outcome: Outcome
    calls: int
    value: float | None
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`unknown` is neither: too few calls to tell.

    `value` is the worst of what was measured, in `unit` as is `threshold`. The window, [from_time, to_time) in ISO
    8601, is the one that was answered. `measured` has the first MAX_LISTED groups, the worst first; the counts are of
    all.
    """

    outcome: Outcome
    summary: str
    value: float | None
    threshold: float
    unit: Unit
    calls: int
    breaching: int
    well: int
    unknown: int
    from_time: str
    to_time: str
    measured: tuple[Measured, ...]
    notes: tuple[str, ...]
