"""The one reader behind every face: a checked question in, an answer out."""

from spanhouse_backend.errors import BadPattern, InvalidQuestion
from spanhouse_backend.query.engine import Engine, Fetches
from spanhouse_backend.query.filters import PARAMETER, Comparison, Filter, each_term
from spanhouse_backend.query.question import AnswerT, Question


class Reader:
    """Answers questions from `store`."""

    def __init__(self, store: Fetches) -> None:
        self._engine = Engine(store)

    async def ask(self, question: Question[AnswerT]) -> AnswerT:
        """The answer. Raises StoreError when the engine cannot, InvalidQuestion for a pattern that it cannot read."""
        try:
            return await question.answer(self._engine)
        except BadPattern as error:
            # Only the engine knows which patterns its matcher can read.
            raise _pointing(error, getattr(question, "where", None)) from error


def _pointing(error: BadPattern, where: Filter | None) -> InvalidQuestion:
    for term in each_term(where) if where else ():
        if isinstance(term, Comparison) and term.operator == "~" and str(term.values[0]) in str(error):
            return InvalidQuestion(
                PARAMETER, f"{term.values[0]!r} is no RE2 pattern: {error.problem}", column=term.column
            )
    return InvalidQuestion(PARAMETER, str(error))
