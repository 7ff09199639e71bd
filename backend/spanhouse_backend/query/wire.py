"""Answers on the wire: the documents that REST, gRPC's Ask and the command line share, and the typed messages.

The fields of a row have the same names in the dataclasses, in the messages and in JSON, so rows are copied by name.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, cast

from spanhouse_backend.query.answers import Accuracy, Answer, Source
from spanhouse_backend.query.questions.functions import FunctionRow
from spanhouse_backend.query.questions.trace import SpanRow, TraceAnswer
from spanhouse_backend.query.times import iso_time
from spanhouse_proto.query_pb2 import Function, FunctionsResponse, Span, TraceResponse

# Trailing metadata of a call that failed because the store did, and not because no server answered.
STORE_FAILED = ("spanhouse-failed", "store")
# Trailing metadata of a call that was refused for what stands at one place of one parameter.
PARAMETER, COLUMN = "spanhouse-parameter", "spanhouse-column"


def document(answer: Answer[Any]) -> dict[str, Any]:
    """The answer as JSON's own types: its window as ISO 8601, then what else it says, then the rows."""
    head = {field.name: getattr(answer, field.name) for field in fields(answer)}
    window = {"from": iso_time(head.pop("from_ns")), "to": iso_time(head.pop("to_ns"))}
    source, accuracy, rows = head.pop("source"), head.pop("accuracy"), head.pop("rows")
    head = {name: list(value) if isinstance(value, tuple) else value for name, value in head.items()}
    return {"source": source, "accuracy": accuracy, **window, **head, "rows": [plain(row) for row in rows]}


def plain(row: Any) -> dict[str, Any]:
    """A row as JSON's own types."""
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def functions_to_proto(answer: Answer[FunctionRow]) -> FunctionsResponse:
    """The answer as a message."""
    return FunctionsResponse(
        source=answer.source,
        accuracy=answer.accuracy,
        from_unix_ns=answer.from_ns,
        to_unix_ns=answer.to_ns,
        notes=answer.notes,
        rows=[Function(**asdict(row)) for row in answer.rows],
    )


def functions_from_proto(message: FunctionsResponse) -> Answer[FunctionRow]:
    """The answer in a message; what a newer server adds to it is left out."""
    return Answer(
        source=cast("Source", message.source),
        accuracy=cast("Accuracy", message.accuracy),
        from_ns=message.from_unix_ns,
        to_ns=message.to_unix_ns,
        notes=tuple(message.notes),
        rows=tuple(_function(row) for row in message.rows),
    )


def trace_to_proto(answer: TraceAnswer) -> TraceResponse:
    """The answer as a message."""
    return TraceResponse(rows=[Span(**asdict(row)) for row in answer.rows], truncated=answer.truncated)


def trace_from_proto(message: TraceResponse) -> TraceAnswer:
    """The answer in a message; what a newer server adds to it is left out."""
    return TraceAnswer.of(tuple(_span(row) for row in message.rows), truncated=message.truncated)


_FUNCTION_FIELDS = tuple(field.name for field in fields(FunctionRow))
_SPAN_FIELDS = tuple(field.name for field in fields(SpanRow) if field.name != "attributes")


def _function(message: Function) -> FunctionRow:
    return FunctionRow(**{name: getattr(message, name) for name in _FUNCTION_FIELDS})


def _span(message: Span) -> SpanRow:
    return SpanRow(**{name: getattr(message, name) for name in _SPAN_FIELDS}, attributes=dict(message.attributes))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value
