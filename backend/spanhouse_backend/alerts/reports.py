"""Reports: the functions of a period, or what became worse in it, told at a set time whatever they say.

Periods are hours, days or weeks of a time zone's own clock, so a day may have 23 or 25 hours. The report of a day that
is due at 08:00 is about the 24 hours, as clocks show them, until then.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from spanhouse_backend.alerts.rules import Answered, Asked, Selection, worse_text
from spanhouse_backend.alerts.values import ClockTime, ZoneName
from spanhouse_backend.declared.strict import Name
from spanhouse_backend.query.lengths import duration
from spanhouse_backend.query.questions.compare import Compare
from spanhouse_backend.query.questions.functions import DEFAULT_SORT, SORT, Functions
from spanhouse_backend.query.times import SECOND_NS, Window, iso_time

_DAYS = {"1d": 1, "1w": 7}


class Report(Selection):
    """What is told, about which calls, and when."""

    report: Name = Field(description="What people call it; no other report is called the same.")
    show: Literal["functions", "regressions"] = Field(
        "functions", description="The table of functions, or what became worse since the period before."
    )
    every: Literal["1h", "1d", "1w"] = Field("1d", description="The period: each hour, day, or week (until Monday).")
    at: ClockTime = Field("00:00", validate_default=True, description='When days and weeks end: "08:00".')
    timezone: ZoneName = Field("UTC", description="Whose clock that is: an IANA name such as Europe/Berlin.")
    sort: str = Field(DEFAULT_SORT, description=SORT.help)
    limit: int = Field(10, ge=1, le=50, description="At most so many functions.")
    notify: tuple[Name, ...] | None = Field(
        None, description="Which of the webhooks are told; all of them if not given."
    )

    def period(self, now_ns: int) -> Window:
        """The last one that has ended."""
        end = self._last_end(now_ns)
        return Window(self._last_end(end - 1), end)

    def asks(self, period: Window) -> Asked:
        """What has to be known to tell of a period."""
        since, until = iso_time(period.from_ns), iso_time(period.to_ns)
        if self.show == "functions":
            texts = {"since": since, "until": until, "sort": self.sort, "limit": str(self.limit)}
            return Asked(Functions, self.selected() | texts)
        before = iso_time(self._last_end(period.from_ns - 1))
        texts = {"baseline": f"{before}..{since}", "candidate": f"{since}..{until}", "limit": str(self.limit)}
        return Asked(Compare, self.selected() | texts)

    def means(self) -> str:
        """As a sentence has it."""
        what = f"the {self.limit} first by {self.sort}" if self.show == "functions" else "what became worse"
        at = "" if self.every == "1h" else f" at {self.at:%H:%M} {self.timezone}"
        return f"{what} of {self.calls_meant()}, every {self.every}{at}"

    def rows(self, answer: Answered) -> list[Mapping[str, Any]]:
        """Those of the answer that are told of."""
        if self.show == "functions":
            return list(answer["rows"])
        return [row for row in answer["rows"] if worse_text(row)]

    def text(self, answer: Answered) -> str:
        """The report as lines for people, of fixed width where columns are."""
        rows = self.rows(answer)
        head = f"{self.report}: {answer['from']} until {answer['to']}"
        if self.show == "regressions":
            lines = [f"{row['service']} {row['name']}: {worse_text(row)}" for row in rows] or ["Nothing became worse."]
        else:
            lines = list(_table(rows)) or ["No calls."]
        return "\n".join([head, *lines, *(f"Note: {note}" for note in answer.get("notes", ()))])

    def _last_end(self, now_ns: int) -> int:
        """The last end of a period that is not after a time, in Unix nanoseconds."""
        moment = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).astimezone(ZoneInfo(self.timezone))
        if self.every == "1h":
            # Full hours of the clock, by its offset at the time: a zone may be half an hour off.
            return now_ns // SECOND_NS * SECOND_NS - (moment.minute * 60 + moment.second) * SECOND_NS
        day = moment.date()
        if self.every == "1w":
            day -= timedelta(days=day.weekday())
        end = self._at(day)
        return end if end <= now_ns else self._at(day - timedelta(days=_DAYS[self.every]))

    def _at(self, day: date) -> int:
        return int(datetime.combine(day, self.at, ZoneInfo(self.timezone)).timestamp()) * SECOND_NS


def _table(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """A line a function, the names last: they are of any length."""
    if rows:
        yield f"{'calls':>12} {'errors':>8} {'p50':>8} {'p99':>8} {'max':>8} {'total':>8}  function"
    for row in rows:
        times = " ".join(f"{duration(row[field]):>8}" for field in ("p50_ns", "p99_ns", "max_ns", "total_ns"))
        yield f"{row['calls']:>12,} {row['errors']:>8,} {times}  {row['service']} {row['name']}"
