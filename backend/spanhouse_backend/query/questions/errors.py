"""`errors`: what goes wrong, where, and since when."""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import ERROR_TYPE, condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Filtered, Limited, Windowed
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.sources import notes
from spanhouse_backend.query.statements import Fragment, statement


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One type of error of one function.

    `type` is the attribute error.type, else the type of the recorded exception, "" when neither is there. `message` is
    the latest one, the exception's own where it was recorded, else the status's, and `trace_id` is its trace.
    """

    service: str
    name: str
    type: str
    calls: int
    first_unix_ns: int
    last_unix_ns: int
    message: str
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class Errors(Question[Answer[ErrorRow]], name="errors", row=ErrorRow):
    """Which errors are there, where, how often, and when first and last? The most frequent come first.

    Errors are the calls whose status is error.
    """

    window: Windowed
    where: Filtered
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[ErrorRow]:
        """One row a function and type of error."""
        asked = statement(
            "errors.sql",
            {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns, "limit": self.limit},
            filter=condition(self.where),
            type=Fragment(ERROR_TYPE),
        )
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=await notes(engine, "raw", *self.window),
            rows=await engine.ask(ErrorRow, asked),
        )
