"""From a question to an HTTP request, and from the response to an answer or an error; nothing is sent here.

Both clients are made of this and of a way to exchange bytes, so what they ask and what they understand is the same.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

from spanhouse.query.answer import AnswerT, read_answer
from spanhouse.query.errors import InvalidQuestion, NotFound, QueryError, TimedOut, Unauthorized, Unavailable

Time: TypeAlias = str | datetime | timedelta
"""As the server reads it ("1h", "2026-01-31T09:00Z", ..), a datetime (without a zone: UTC), or how long ago."""
Value: TypeAlias = str | float | bool | datetime | timedelta | Sequence[str] | None
_API = "/api/v1"
_OK, _BAD_REQUEST = 200, 400
_ERRORS: dict[int, type[QueryError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: TimedOut,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
}


class Request(NamedTuple):
    """What is sent: `target` is the path below the server's address, with its parameters."""

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


class Response(NamedTuple):
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Asking(Generic[AnswerT]):
    """One question of the API: where it is asked, and what its answers and their rows are made into."""

    method: str
    path: str
    answer: type[AnswerT]
    row: type

    def request(self, parameters: Mapping[str, Value], timeout: float) -> Request:
        """The request that asks it; parameters that are None are left out."""
        texts = {name: _text(value) for name, value in parameters.items() if value is not None}
        path = self.path
        for name in [name for name in texts if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(texts.pop(name), safe=""))
        if self.method == "GET":
            # So that the server stops working on it when nobody waits any more.
            texts["timeout"] = f"{max(1, round(timeout * 1000))}ms"
        return Request(self.method, f"{_API}{path}?{urlencode(texts)}")

    def read(self, response: Response) -> AnswerT:
        """The answer. Raises QueryError, or a kind of it."""
        return read_answer(self.answer, self.row, document(response))


class SqlAnswer(NamedTuple):
    """The rows of a statement, with the names of its columns and ClickHouse's names of their types."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def sql_request(statement: str, parameters: Mapping[str, object]) -> Request:
    """The request that asks a statement of ClickHouse's SQL, with values for its `{name:Type}` placeholders."""
    texts = {"format": "JSONCompact"} | {f"param_{name}": str(value) for name, value in parameters.items()}
    return Request("POST", f"{_API}/sql?{urlencode(texts)}", statement.encode())


def read_sql(response: Response) -> SqlAnswer:
    """The rows of a statement. Raises QueryError, or a kind of it."""
    answer = document(response)
    try:
        names, types = (tuple(column[part] for column in answer["meta"]) for part in ("name", "type"))
        return SqlAnswer(names, types, tuple(map(tuple, answer["data"])))
    except (KeyError, TypeError) as error:
        raise QueryError(f"this is no answer of spanhouse: {error!r}") from error


def content(response: Response) -> bytes:
    """The body of a response, as it was before it was compressed."""
    return gzip.decompress(response.body) if response.headers.get("content-encoding") == "gzip" else response.body


def document(response: Response) -> Any:
    """The JSON of a response that is an answer. Raises QueryError, or a kind of it, for one that is not."""
    body = content(response)
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = {}
    if response.status != _OK:
        raise _error(response.status, parsed, body)
    return parsed


def _error(status: int, parsed: Any, body: bytes) -> QueryError:
    problem = parsed.get("error") if isinstance(parsed, dict) else None
    if not isinstance(problem, dict):
        problem = {"message": f"HTTP {status}: {body[:200].decode(errors='replace')}"}
    message = str(problem.get("message"))
    if status == _BAD_REQUEST:
        return InvalidQuestion(message, problem.get("parameter"), problem.get("column"))
    return _ERRORS.get(status, QueryError)(message)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, timedelta):
        return f"{max(0, round(value.total_seconds()))}s"
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    return ",".join(value)
