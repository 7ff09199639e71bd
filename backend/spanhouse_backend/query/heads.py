"""What HEAD says of log records: how many there are, which no page of them tells, in headers.

`X-Record-Count` of `logs` is the number of records that match; of `timeline` it has a number for each step that has any
record, and `X-Record-Group` says when these steps begin, in Unix seconds.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.logs import CountAnswer, CountLogs
from spanhouse_backend.query.questions.timeline import TimelineAnswer
from spanhouse_backend.query.times import SECOND_NS

COUNT, GROUP = "X-Record-Count", "X-Record-Group"


class Head(NamedTuple):
    """What is asked instead of a question, the headers that the answer is, and what each of these says."""

    asks: Callable[[Any], Question[Any]]
    headers: Callable[[Any], dict[str, str]]
    says: Mapping[str, str]


def _count(answer: CountAnswer) -> dict[str, str]:
    return {COUNT: str(answer.records)}


def _counts(answer: TimelineAnswer) -> dict[str, str]:
    rows = [row for row in answer.rows if row.records]
    return {
        GROUP: ",".join(str(row.start_unix_ns // SECOND_NS) for row in rows),
        COUNT: ",".join(str(row.records) for row in rows),
    }


HEADS: Mapping[str, Head] = {
    "logs": Head(
        lambda asked: CountLogs(asked=asked), _count, {COUNT: "How many records match, on however many pages."}
    ),
    "timeline": Head(
        lambda asked: asked,
        _counts,
        {
            COUNT: "How many records each step has that has any, with commas.",
            GROUP: "When these steps begin, in Unix seconds, with commas.",
        },
    ),
}
"""By question."""
