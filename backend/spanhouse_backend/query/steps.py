"""Windows cut into steps: minutes, hours, days in anybody's time zone, for questions about how something went.

Steps begin where clocks show round times: a step of 15 minutes at a quarter past, one of a day at midnight in the time
zone asked for, one of a week on Monday; so a day of 23 or 25 hours is one step. The first step may begin before the
window and the last end after it, and the window that is answered grows to them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.times import SECOND_NS, Window, parse_length

MAX_STEPS = 2_000
DEFAULT_STEPS = 120
DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS
# What the default is chosen from: the shortest of these with no more than DEFAULT_STEPS in the window.
_ROUND_SECONDS = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY_SECONDS, WEEK_SECONDS)

STEP = Parameter(
    "step",
    "How long a step is: 10s, 1m, 15m, 1h, 1d, 1w; whole seconds. Without it, some hundred steps of a round length.",
)
CUT = Parameter(
    "step",
    "Cut the window into steps of this length as well: 10s, 1m, 15m, 1h, 1d, 1w; whole seconds. Not cut if not given.",
)
TIMEZONE = Parameter(
    "timezone", 'In whose time steps begin at round times: an IANA name such as "Europe/Berlin".', "UTC"
)


@dataclass(frozen=True)
class Steps:
    """Where steps begin, in Unix seconds and in order, and where the last one ends."""

    starts: tuple[int, ...]
    end: int

    def whole(self, seconds: int) -> bool:
        """Whether every step is made of whole UTC units of so many seconds."""
        return all(start % seconds == 0 for start in (*self.starts, self.end))

    @property
    def window(self) -> Window:
        """What the steps cover."""
        return Window(self.starts[0] * SECOND_NS, self.end * SECOND_NS)


@dataclass(frozen=True)
class Stepping:
    """How a window is to be cut: steps of so many seconds (0: whatever suits) in this time zone."""

    seconds: int
    zone: str

    def cut(self, window: Window) -> Steps:
        """The steps that cover `window`. Raises InvalidQuestion when they are too many."""
        begin, end = window.from_ns // SECOND_NS, -(-window.to_ns // SECOND_NS)
        length = self.seconds or next(
            (seconds for seconds in _ROUND_SECONDS if end - begin <= DEFAULT_STEPS * seconds),
            WEEK_SECONDS * -(-(end - begin) // (DEFAULT_STEPS * WEEK_SECONDS)),
        )
        if (end - begin) // length >= MAX_STEPS:
            raise InvalidQuestion("step", f"the window has more than {MAX_STEPS} such steps: ask for longer ones")
        starts = [_floor(begin, length, ZoneInfo(self.zone))]
        while starts[-1] < end:
            starts.append(_after(starts[-1], length, ZoneInfo(self.zone)))
        return Steps(tuple(starts[:-1]), starts[-1])


def _floor(moment: int, length: int, zone: ZoneInfo) -> int:
    """The last round time of the zone's clock that is not after `moment`."""
    local = datetime.fromtimestamp(moment, zone)
    shown = int((local.replace(tzinfo=None) - _MONDAY).total_seconds())
    if length < DAY_SECONDS:
        # Within a day, clocks that jump would repeat or skip steps: these keep the offset that the clock has now.
        return moment - shown % length
    return _shown_at(shown // length * length, zone)


def _after(start: int, length: int, zone: ZoneInfo) -> int:
    if length < DAY_SECONDS:
        return start + length
    shown = int((datetime.fromtimestamp(start, zone).replace(tzinfo=None) - _MONDAY).total_seconds())
    # A midnight that the clock skips is shown as one o'clock: hence the floor before the step.
    return _shown_at(shown // DAY_SECONDS * DAY_SECONDS + length, zone)


def _shown_at(shown: int, zone: ZoneInfo) -> int:
    """When the zone's clock shows what is so many seconds after the first Monday."""
    return int((_MONDAY + timedelta(seconds=shown)).replace(tzinfo=zone).timestamp())


# Weeks begin on Mondays; the first one before 1970.
_MONDAY = datetime(1969, 12, 29)  # noqa: DTZ001  # a clock's face, in no zone


@cache
def zone_names() -> frozenset[str]:
    """The time zones that there are."""
    return frozenset(available_timezones())


def read_stepping(given: Given) -> Stepping:
    """The steps of `step` and `timezone`. Raises InvalidQuestion."""
    zone = given[TIMEZONE]
    if zone not in zone_names():
        raise InvalidQuestion("timezone", f"{zone[:100]!r} is not a time zone's name, such as Europe/Berlin or UTC")
    if not given[STEP]:
        return Stepping(0, zone)
    length_ns = parse_length("step", given[STEP])
    if length_ns < SECOND_NS or length_ns % SECOND_NS:
        raise InvalidQuestion("step", f"{given[STEP]!r} is not a whole number of seconds")
    seconds = length_ns // SECOND_NS
    if seconds > DAY_SECONDS and seconds % DAY_SECONDS:
        raise InvalidQuestion("step", f"{given[STEP]!r} is longer than a day, and not of whole days")
    return Stepping(seconds, zone)


def _cut(given: Given) -> Stepping | None:
    return read_stepping(given) if given[CUT] else None


Stepped = Annotated[Stepping, Reads(read_stepping, STEP, TIMEZONE)]
# Cut only where `step` says how.
Cut = Annotated[Stepping | None, Reads(_cut, CUT, TIMEZONE)]
