"""What `aggregate` can add up: spans, log records and events. What each has of its own stands here, in one table.

The fields are those of the vocabularies that filters have, so whatever can be filtered by can be grouped by and, where
it is a number, added up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spanhouse_backend.query.filters import EVERYTHING, Exists, Filter
from spanhouse_backend.query.records import within
from spanhouse_backend.query.statements import Fragment
from spanhouse_backend.query.times import Window
from spanhouse_backend.query.vocabulary import RECORDS, SPANS, Vocabulary

_SPANS_WITHIN = (
    "Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})"
)


@dataclass(frozen=True, eq=False)
class Aggregated:
    """Rows of one table that figures are made of."""

    vocabulary: Vocabulary
    table: Fragment
    # The condition that a row lies in a window.
    within: Callable[[Window], Fragment]
    # Which rows of the table these are.
    where: Filter
    # How many of them went wrong.
    errors: Fragment
    # What `select` and `group` are when nothing is said.
    select: str
    group: str


def _spans_within(window: Window) -> Fragment:
    return Fragment(_SPANS_WITHIN, {"from_ns": window.from_ns, "to_ns": window.to_ns})


_TABLE = Fragment("otel_logs")
# From ERROR on (OpenTelemetry logs data model, "SeverityNumber").
_ERRORS = Fragment("countIf(SeverityNumber >= 17)")
_STREAM = RECORDS.fields["event"]
AGGREGATED: Mapping[str, Aggregated] = {
    "spans": Aggregated(
        vocabulary=SPANS,
        table=Fragment("otel_traces"),
        within=_spans_within,
        where=EVERYTHING,
        errors=Fragment("countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR'))"),
        select="count,errors,avg(duration),p99(duration)",
        group="service,name",
    ),
    "logs": Aggregated(RECORDS, _TABLE, within, EVERYTHING, _ERRORS, "count,errors", "service,level"),
    "events": Aggregated(RECORDS, _TABLE, within, Exists(_STREAM), _ERRORS, "count", "event"),
}
