"""`delete`: an order rather than a question, read from the same parameters; for administrators."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from spanhouse_backend.query.answers import Answer, NoRow
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import UNTIL, Filtered, read_window
from spanhouse_backend.query.question import Parameter, Question, Reads
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import Window

# Without a default: deleting everything has to be said, as since=0.
SINCE = Parameter("since", "Where the window begins, as everywhere; 0 is everything stored.", required=True)
_KEPT = (
    "rollups keep what they counted: without these spans are the answers of exact=true, and those with a filter that "
    "needs spans"
)


@dataclass(frozen=True, kw_only=True)
class DeleteAnswer(Answer[NoRow]):
    """How many there were to delete, counted just before."""

    deleted: int


@dataclass(frozen=True, kw_only=True)
class Delete(Question[DeleteAnswer], name="delete", row=NoRow, answer_type=DeleteAnswer):
    """Deletes the spans of a window, those that match the filter; they are gone from every answer at once.

    Rollups are kept as they are: they hold counts and durations only, no names but those of services and functions, and
    expire by themselves.
    """

    changes: ClassVar[bool] = True
    window: Annotated[Window, Reads(read_window, SINCE, UNTIL)]
    where: Filtered

    async def answer(self, engine: Engine) -> DeleteAnswer:
        """Counts, deletes, and waits until nobody reads them any more."""
        bounds = {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns}
        filtered = condition(self.where)
        (counted,) = await engine.rows(statement("count.sql", bounds, filter=filtered))
        if counted["spans"]:
            await engine.change(statement("delete.sql", bounds, filter=filtered))
        return DeleteAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=(_KEPT,),
            deleted=counted["spans"],
            rows=(),
        )
