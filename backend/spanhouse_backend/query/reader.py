"""The one reader behind every face: a checked question in, an answer out.

It decides which rollups answer a window and binds the question to the statements of sql/; ClickHouse does the
rest. Nothing is ever pasted into SQL.
"""

from importlib.resources import files

from spanhouse_backend.query.model import FunctionRow, FunctionsAnswer, FunctionsQuestion, SpanRow, TraceAnswer
from spanhouse_backend.store.store import Store

# More spans than a person reads, and as much as one answer should weigh: some 10 MB.
MAX_TRACE_SPANS = 10_000
_SECOND_NS = 1_000_000_000
_MINUTE = 60
_HOUR = 3600
# The columns of functions.sql that sort upwards; numbers sort downwards, the most interesting first.
_NAMES = frozenset({"service", "name"})
_UNSORTED = "unsorted"


def _sql(name: str) -> str:
    return (files("spanhouse_backend.query") / "sql" / name).read_text(encoding="utf-8")


class Reader:
    """Answers questions from `store`; every method raises StoreError when the engine cannot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._functions_sql = _sql("functions.sql")
        self._trace_sql = _sql("trace.sql")

    async def functions(self, question: FunctionsQuestion) -> FunctionsAnswer:
        """The table of functions, sorted and cut to the question's limit, over whole minutes.

        The window grows to the minutes it touches. Every whole UTC hour of it is read from the hourly rollups:
        adding up sixty minutes gives the same numbers, only later.
        """
        start = question.from_ns // _SECOND_NS // _MINUTE * _MINUTE
        end = -(-question.to_ns // (_SECOND_NS * _MINUTE)) * _MINUTE
        hours_start = -(-start // _HOUR) * _HOUR
        hours_end = end // _HOUR * _HOUR
        hourly = hours_start < hours_end
        if not hourly:
            hours_start = hours_end = end
        upwards = question.sort in _NAMES
        rows = await self._store.fetch(
            self._functions_sql,
            {
                "from": start,
                "to": end,
                "hours_from": hours_start,
                "hours_to": hours_end,
                "service": question.service,
                "upwards": question.sort if upwards else _UNSORTED,
                "downwards": _UNSORTED if upwards else question.sort,
                "limit": question.limit,
            },
        )
        return FunctionsAnswer(
            source="rollup_1h" if hourly else "rollup_1m",
            accuracy="bucketed",
            from_ns=start * _SECOND_NS,
            to_ns=end * _SECOND_NS,
            rows=tuple(FunctionRow(**dict(zip(rows.columns, row, strict=True))) for row in rows.rows),
        )

    async def trace(self, trace_id: str) -> TraceAnswer:
        """Every span of a trace, or its first MAX_TRACE_SPANS; `trace_id` in lower case. No rows when unknown."""
        rows = await self._store.fetch(self._trace_sql, {"trace_id": trace_id, "limit": MAX_TRACE_SPANS + 1})
        spans = tuple(SpanRow(**dict(zip(rows.columns, row, strict=True))) for row in rows.rows)
        return TraceAnswer(rows=spans[:MAX_TRACE_SPANS], truncated=len(spans) > MAX_TRACE_SPANS)
