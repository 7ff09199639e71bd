"""What the terms of a filter can be about: the fields of spans, those of log records, and those of data points.

The grammar, the operators and their meaning are one for all (filters.py, conditions.py); here stand the names that
each has, and the columns behind them. An event is a record with a name, so its fields are those of records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["text", "choice", "duration", "level", "id", "attribute", "event", "error_type"]


class Field(NamedTuple):
    """What a term is about: a column, and of a map column the `key`."""

    kind: Kind
    column: str
    key: str = ""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The fields that filters over one table have. `one` is what a row of it is called in messages."""

    one: str
    fields: Mapping[str, Field]
    # The column of maps behind each prefix: attr.KEY.
    maps: Mapping[str, str]

    def names(self) -> str:
        """Every field there is, for whoever named another."""
        return f"{', '.join(self.fields)}, {' and '.join(f'{prefix}.KEY' for prefix in self.maps)}"


SPANS = Vocabulary(
    one="span",
    fields={
        "service": Field("text", "ServiceName"),
        "name": Field("text", "SpanName"),
        "scope": Field("text", "ScopeName"),
        "message": Field("text", "StatusMessage"),
        "kind": Field("choice", "SpanKind"),
        "status": Field("choice", "StatusCode"),
        "duration": Field("duration", "Duration"),
        "trace_id": Field("id", "TraceId"),
        "span_id": Field("id", "SpanId"),
        "parent_id": Field("id", "ParentSpanId"),
        "event": Field("event", "Events.Name"),
        "error.type": Field("error_type", "ErrorType"),
    },
    maps={"attr": "SpanAttributes", "resource": "ResourceAttributes"},
)
RECORDS = Vocabulary(
    one="record",
    fields={
        "service": Field("text", "ServiceName"),
        "scope": Field("text", "ScopeName"),
        # What those who log call it.
        "logger": Field("text", "ScopeName"),
        "body": Field("text", "Body"),
        "event": Field("text", "EventName"),
        "level": Field("level", "SeverityNumber"),
        "severity": Field("text", "SeverityText"),
        "trace_id": Field("id", "TraceId"),
        "span_id": Field("id", "SpanId"),
    },
    maps={"attr": "LogAttributes", "resource": "ResourceAttributes"},
)
DATA_POINTS = Vocabulary(
    one="data point",
    fields={
        "service": Field("text", "ServiceName"),
        "name": Field("text", "MetricName"),
        "scope": Field("text", "ScopeName"),
        "unit": Field("text", "MetricUnit"),
    },
    maps={"attr": "Attributes", "resource": "ResourceAttributes"},
)
