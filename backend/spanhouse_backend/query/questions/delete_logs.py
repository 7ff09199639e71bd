"""`delete_logs`: as `delete`, for log records and events; for administrators."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from spanhouse_backend.query.answers import NoRow
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import UNTIL, read_window
from spanhouse_backend.query.question import Question, Reads
from spanhouse_backend.query.questions.delete import SINCE, DeleteAnswer
from spanhouse_backend.query.record_pages import count_records
from spanhouse_backend.query.records import Recorded, within
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import Window


@dataclass(frozen=True, kw_only=True)
class DeleteLogs(Question[DeleteAnswer], name="delete_logs", row=NoRow, answer_type=DeleteAnswer):
    """Deletes the log records of a window, those that match the filter; they are gone from every answer at once.

    Events are log records with a name: 'event=user.login' deletes those of a stream.
    """

    changes: ClassVar[bool] = True
    window: Annotated[Window, Reads(read_window, SINCE, UNTIL)]
    where: Recorded

    async def answer(self, engine: Engine) -> DeleteAnswer:
        """Counts, deletes, and waits until nobody reads them any more."""
        deleted = await count_records(engine, self.where, self.window)
        if deleted:
            order = statement("delete_records.sql", within=within(self.window), filter=condition(self.where))
            await engine.change(order)
        return DeleteAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            deleted=deleted,
            rows=(),
        )
