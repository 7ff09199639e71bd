"""`logs`: the log records of one trace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Limited
from spanhouse_backend.query.question import Given, Question, Reads
from spanhouse_backend.query.questions.trace import TRACE_ID, parse_trace_id
from spanhouse_backend.query.statements import statement


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log record. Ids are lower-case hexadecimal; `span_id` is "" for one that was made outside of spans.

    `severity_number` is OpenTelemetry's: 1 to 4 trace, 5 to 8 debug, 9 to 12 info, 13 to 16 warning, 17 to 20 error, 21
    to 24 fatal, 0 not given; `severity` is the sender's own word for it. `event` is the name of an event, "" for other
    records.
    """

    time_unix_ns: int
    severity: str
    severity_number: int
    service: str
    body: str
    event: str
    scope: str
    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


def _trace_id(given: Given) -> str:
    return parse_trace_id(given[TRACE_ID])


@dataclass(frozen=True, kw_only=True)
class Logs(Question[Answer[LogRow]], name="logs", row=LogRow):
    """What was logged during a trace, by whom? In order of time; no rows when nothing was."""

    trace_id: Annotated[str, Reads(_trace_id, TRACE_ID)]
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[LogRow]:
        """The records that carry the trace's id."""
        rows = await engine.ask(LogRow, statement("logs.sql", {"trace_id": self.trace_id, "limit": self.limit}))
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=rows[0].time_unix_ns if rows else 0,
            to_ns=rows[-1].time_unix_ns if rows else 0,
            rows=rows,
        )
