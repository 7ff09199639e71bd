"""The one seam where the ClickHouse client's errors become ours."""

import errno
import re
from collections.abc import Iterator

from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from spanhouse_backend.errors import BadPattern, MalformedData, StoreError, StoreUnavailable

# What ClickHouse's ProtobufList reader says of bytes that do not decode, found by feeding it flipped, truncated
# and random requests. Everything else is treated as the engine's own trouble, which a sender may retry.
MALFORMED_CODES = frozenset(
    {
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        436,  # PROTOBUF_BAD_CAST
        444,  # UNKNOWN_PROTOBUF_FORMAT
    }
)
# What it says when it is to make room for more than there is: for rows, or for a string whose length is wrong.
_NO_ROOM_CODES = frozenset(
    {
        49,  # LOGICAL_ERROR: more than an allocation may ever be
        173,  # CANNOT_ALLOCATE_MEMORY
        241,  # MEMORY_LIMIT_EXCEEDED
    }
)
# CANNOT_COMPILE_REGEXP, and where in its message, between the pattern and an address to look at, the reason is.
_BAD_PATTERN_CODE = 427
# What the client adds to a server's own words.
_TRAILER = re.compile(r"( \(version [^()]*(\([^()]*\))?\))?( \(for url [^()]*\))?$")
_PATTERN_PROBLEM = re.compile(r", error: (.*?)\. Look at", re.DOTALL)


def error_code(error: ClickHouseError | OSError) -> str:
    """What kind of error it is, in a word: ClickHouse's number, an errno's name, '' for what has neither."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "")
    return str(error.code or "") if isinstance(error, DatabaseError) else ""


def translate(error: ClickHouseError, doing: str) -> StoreError:
    """Our error for one of the client's, saying what was being done."""
    code = error.code if isinstance(error, DatabaseError) else None
    if code == _BAD_PATTERN_CODE:
        problem = _PATTERN_PROBLEM.search(str(error))
        return BadPattern(str(error), problem[1] if problem else str(error))
    kind = MalformedData if code in MALFORMED_CODES else StoreUnavailable
    return kind(f"{doing}: {bare_message(error)}")


def lacks_memory(error: ClickHouseError) -> bool:
    """Whether the engine could not make room for what it read; see store/wholeness.py for why that may be."""
    return isinstance(error, DatabaseError) and error.code in _NO_ROOM_CODES


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, outermost first; urllib3 keeps some of it in `reason`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__context__, one.__cause__, getattr(one, "reason", None)]


def network_problem(error: ClickHouseError) -> str:
    """What kept a server from answering, in the system's words if it has some; '' when it did answer."""
    if isinstance(error, DatabaseError) and error.code is not None:
        return ""
    chain = list(causes(error))
    if not any(isinstance(cause, HTTPError | OSError) for cause in chain):
        return ""
    said = [cause.strerror for cause in chain if isinstance(cause, OSError) and cause.strerror]
    return said[-1] if said else type(chain[-1]).__name__


def bare_message(error: ClickHouseError) -> str:
    """What the engine says, without the "Code: N. DB::Exception:" that it repeats at each layer."""
    if problem := network_problem(error):
        return f"ClickHouse does not answer: {problem}"
    return _TRAILER.sub("", str(error).rsplit("DB::Exception: ", 1)[-1].strip())
