"""`trace`: every span of one trace, with what each took of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.critical_path import Timed, time_taken
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.ids import parse_trace_id
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.statements import statement

# More spans than a person reads, and as much as one answer should weigh: some 10 MB.
MAX_TRACE_SPANS = 10_000
TRACE_ID = Parameter("trace_id", "32 hexadecimal digits.", required=True)


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span of a trace. Ids are lower-case hexadecimal; a root span's `parent_span_id` is "".

    `self_ns` is the time in which none of its children ran; `critical_ns` is its part of the critical path, which is
    the work that the end of the trace waited for.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: str
    start_unix_ns: int
    duration_ns: int
    status: str
    status_message: str
    attributes: Mapping[str, str]
    self_ns: int = 0
    critical_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class TraceAnswer(Answer[SpanRow]):
    """The spans of one trace in order of start, from the first start to the last end.

    `truncated` when there are more than the MAX_TRACE_SPANS that one answer holds.
    """

    truncated: bool

    @classmethod
    def of(cls, rows: tuple[SpanRow, ...], *, truncated: bool) -> Self:
        """The answer that these spans, in order of start, are."""
        return cls(
            source="raw",
            accuracy="exact",
            from_ns=rows[0].start_unix_ns if rows else 0,
            to_ns=max((row.start_unix_ns + row.duration_ns for row in rows), default=0),
            truncated=truncated,
            rows=rows,
        )


def _timed(rows: tuple[SpanRow, ...]) -> tuple[SpanRow, ...]:
    spans = [
        Timed(row.span_id, row.parent_span_id, row.start_unix_ns, row.start_unix_ns + row.duration_ns) for row in rows
    ]
    return tuple(
        replace(row, self_ns=took.self_ns, critical_ns=took.critical_ns)
        for row, took in zip(rows, time_taken(spans), strict=True)
    )


def _trace_id(given: Given) -> str:
    return parse_trace_id(given[TRACE_ID])


@dataclass(frozen=True, kw_only=True)
class Trace(Question[TraceAnswer], name="trace", row=SpanRow, answer_type=TraceAnswer):
    """Every span of one trace, in order of start: what took its time, and what its end waited for?"""

    trace_id: Annotated[str, Reads(_trace_id, TRACE_ID)]

    async def answer(self, engine: Engine) -> TraceAnswer:
        """Its spans, or its first MAX_TRACE_SPANS; no rows when unknown."""
        asked = statement("trace.sql", {"trace_id": self.trace_id, "limit": MAX_TRACE_SPANS + 1})
        spans = await engine.ask(SpanRow, asked)
        return TraceAnswer.of(_timed(spans[:MAX_TRACE_SPANS]), truncated=len(spans) > MAX_TRACE_SPANS)

    def missing(self) -> str:
        """An id that nothing is stored of is more likely mistyped than asked for."""
        return f"no span of trace {self.trace_id} is stored"
