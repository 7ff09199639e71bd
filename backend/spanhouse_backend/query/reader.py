"""The one reader behind every face: a checked question in, an answer out, in bounded time or not at all.

Who is cancelled while asking (a client that went away, a deadline of its own) stops the question's statements with it.
"""

import asyncio

from spanhouse_backend.errors import BadPattern, InvalidQuestion, Overloaded, QuestionTooSlow
from spanhouse_backend.query.engine import Engine, Fetches
from spanhouse_backend.query.filters import PARAMETER, Comparison, Filter, each_term
from spanhouse_backend.query.question import AnswerT, Question

# Questions that may run or wait at once; more are refused. Each holds a connection, and its statement's text.
MAX_WAITING = 32
QUERY_SECONDS = 30.0


class Reader:
    """Answers questions from `store`, each within `seconds`. For one event loop: it needs no lock."""

    def __init__(self, store: Fetches, seconds: float = QUERY_SECONDS) -> None:
        self._engine = Engine(store)
        self._seconds = seconds
        self._asked = 0

    async def ask(self, question: Question[AnswerT], seconds: float | None = None) -> AnswerT:
        """The answer. `seconds` shortens the time that it may take, waiting for others included.

        Raises StoreError when the engine cannot, InvalidQuestion for a pattern that it cannot read, QuestionTooSlow,
        QuestionTooLarge, Overloaded when too many wait.
        """
        if self._asked >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} questions run or wait already: try again later")
        allowed = self._seconds if seconds is None else min(seconds, self._seconds)
        self._asked += 1
        try:
            async with asyncio.timeout(None if question.changes else allowed):
                return await question.answer(self._engine)
        except TimeoutError as error:
            raise QuestionTooSlow(allowed) from error
        except BadPattern as error:
            # Only the engine knows which patterns its matcher can read.
            raise _pointing(error, getattr(question, "where", None)) from error
        finally:
            self._asked -= 1


def _pointing(error: BadPattern, where: Filter | None) -> InvalidQuestion:
    for term in each_term(where) if where else ():
        if isinstance(term, Comparison) and term.operator == "~" and str(term.values[0]) in str(error):
            return InvalidQuestion(
                PARAMETER, f"{term.values[0]!r} is no RE2 pattern: {error.problem}", column=term.column
            )
    return InvalidQuestion(PARAMETER, str(error))
