"""Answers on the wire: the messages of query.proto, both ways, and the JSON that REST and the command line share.

The fields of a row have the same names in the model, in the messages and in JSON, so rows are copied by name.
"""

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, cast

from spanhouse_backend.query.model import Accuracy, FunctionRow, FunctionsAnswer, Source, SpanRow, TraceAnswer
from spanhouse_proto.query_pb2 import Function, FunctionsResponse, Span, TraceResponse

# Trailing metadata of a call that failed because the store did, and not because no server answered.
STORE_FAILED = ("spanhouse-failed", "store")
_SECOND_NS = 1_000_000_000


def functions_to_proto(answer: FunctionsAnswer) -> FunctionsResponse:
    """The answer as a message."""
    return FunctionsResponse(
        source=answer.source,
        accuracy=answer.accuracy,
        from_unix_ns=answer.from_ns,
        to_unix_ns=answer.to_ns,
        rows=[Function(**asdict(row)) for row in answer.rows],
    )


def functions_from_proto(message: FunctionsResponse) -> FunctionsAnswer:
    """The answer in a message; what a newer server adds to it is left out."""
    return FunctionsAnswer(
        source=cast("Source", message.source),
        accuracy=cast("Accuracy", message.accuracy),
        from_ns=message.from_unix_ns,
        to_ns=message.to_unix_ns,
        rows=tuple(_function(row) for row in message.rows),
    )


def trace_to_proto(answer: TraceAnswer) -> TraceResponse:
    """The answer as a message."""
    return TraceResponse(rows=[Span(**asdict(row)) for row in answer.rows], truncated=answer.truncated)


def trace_from_proto(message: TraceResponse) -> TraceAnswer:
    """The answer in a message; what a newer server adds to it is left out."""
    return TraceAnswer(rows=tuple(_span(row) for row in message.rows), truncated=message.truncated)


def functions_document(answer: FunctionsAnswer) -> dict[str, Any]:
    """The answer as JSON's own types."""
    return {
        "source": answer.source,
        "accuracy": answer.accuracy,
        "from": iso_time(answer.from_ns),
        "to": iso_time(answer.to_ns),
        "rows": [asdict(row) for row in answer.rows],
    }


def trace_document(answer: TraceAnswer) -> dict[str, Any]:
    """The answer as JSON's own types; the window is from the first span's start to the last one's end."""
    return {
        "source": "raw",
        "accuracy": "exact",
        "from": iso_time(answer.from_ns),
        "to": iso_time(answer.to_ns),
        "truncated": answer.truncated,
        "rows": [asdict(row) for row in answer.rows],
    }


def iso_time(unix_ns: int) -> str:
    """ISO 8601 in UTC, with nanoseconds unless they are zero: datetime alone would lose the last three digits."""
    seconds, fraction = divmod(unix_ns, _SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}Z" if fraction else f"{text}Z"


_FUNCTION_FIELDS = tuple(field.name for field in fields(FunctionRow))
_SPAN_FIELDS = tuple(field.name for field in fields(SpanRow) if field.name != "attributes")


def _function(message: Function) -> FunctionRow:
    return FunctionRow(**{name: getattr(message, name) for name in _FUNCTION_FIELDS})


def _span(message: Span) -> SpanRow:
    return SpanRow(**{name: getattr(message, name) for name in _SPAN_FIELDS}, attributes=dict(message.attributes))
