"""The answer to records that were posted: how many are stored, and what is wrong with each of the others."""

from collections import Counter
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from spanhouse_backend.ingest.posted import Posted, Problem
from spanhouse_backend.query import failures
from spanhouse_backend.query.times import iso_time

_STORED, _NOTHING_SENT, _SOME, _NONE = 201, 200, 207, 400


class RefusedRecord(BaseModel):
    """A record that was not taken: where it is, which of its keys is at fault if one is, and what is wrong."""

    line: int | None = Field(None, description="Of NDJSON, counted from 1.")
    stream: str | None = Field(None, description="Of an event.")
    index: int | None = Field(None, description="In its list, counted from 0.")
    field: str | None = None
    problem: str


class Outcome(BaseModel):
    """How many records are stored, when the first and the last of them were made, and what became of the others.

    `problems` describes the first thousand that were refused.
    """

    taken: int
    refused: int
    first: str | None = Field(None, description="Its time, ISO 8601.")
    last: str | None = Field(None, description="Its time, ISO 8601.")
    streams: dict[str, int] | None = Field(None, description="Of events: how many of each stream are stored.")
    problems: list[RefusedRecord]
    error: failures.Problem | None = Field(None, description="Where no record could be taken: what is wrong.")


RESPONSES: dict[int | str, dict[str, Any]] = {
    _STORED: {"model": Outcome, "description": "All of them are stored."},
    _NOTHING_SENT: {"model": Outcome, "description": "There was nothing in it."},
    _SOME: {"model": Outcome, "description": "Some of them are stored; the others are named."},
    # Failure: of a body in which no records can be told apart.
    _NONE: {"model": Outcome | failures.Failure, "description": "None of them could be taken."},
    "4XX": {"model": failures.Failure, "description": "What was sent cannot be taken as it is; 429: try again later."},
    503: {"model": failures.Failure, "description": "The store cannot take it in now."},
}
"""As OpenAPI has them."""


def outcome(posted: Posted, *, by_lines: bool = False, by_stream: bool = False) -> Response:
    """The answer to a body of which this came."""
    answer: dict[str, Any] = {"taken": len(posted.taken), "refused": posted.refused}
    if posted.taken:
        times = [time_ns for time_ns, _ in posted.taken]
        answer |= {"first": iso_time(min(times)), "last": iso_time(max(times))}
    if by_stream:
        answer["streams"] = Counter(place.stream for _, place in posted.taken)
    answer["problems"] = [_described(problem, by_lines=by_lines) for problem in posted.problems]
    if not posted.refused:
        status = _STORED if posted.taken else _NOTHING_SENT
    elif posted.taken:
        status = _SOME
    else:
        status = _NONE
        answer["error"] = _as_error(posted, by_lines=by_lines)
    return JSONResponse(answer, status, {"Cache-Control": "no-store"})


def _described(problem: Problem, *, by_lines: bool) -> dict[str, Any]:
    place = {"line" if by_lines else "index": problem.place.number, "stream": problem.place.stream or None}
    described = {**place, "field": problem.key or None, "problem": problem.problem}
    return {name: value for name, value in described.items() if value is not None}


def _as_error(posted: Posted, *, by_lines: bool) -> dict[str, Any]:
    """The first problem, in the form that all of the API's errors have."""
    first = posted.problems[0]
    where = [first.place.stream] if first.place.stream else []
    if posted.refused > 1 and first.place.number is not None:
        where.append(f"line {first.place.number}" if by_lines else f"[{first.place.number}]")
    message = ": ".join([*where, *([first.key] if first.key else []), first.problem])
    if posted.refused > 1:
        message = f"none of {posted.refused} records could be taken; {message}"
    return {"parameter": first.key or None, "message": message}
