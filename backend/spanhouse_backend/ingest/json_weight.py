"""What reading a JSON document will take, estimated before it is read.

json.loads makes an object of every value, holds the interpreter until the last one is made, and cannot be told when to
stop: `[],` is three bytes and becomes seventy. So the characters that can begin a value are counted first, which takes
a third of a millisecond for each megabyte, and documents that would become too much are refused. Characters within
strings count, too, so the estimate is never too little and, for ordinary requests, twice what it takes.
docs/limits.md has the measurements.
"""

from spanhouse_backend.errors import TooLarge

MEMORY_FACTOR = 16
"""A document may take this many times the bytes of the largest one: ordinary requests take seven."""
VALUE_BYTES = 110
"""What a value takes at most: itself, its place in what it is in, and what it is converted to."""
# Each value comes behind one of these, or is one.
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"{[,:")
# The document as text, its strings and what they are converted to, for each of its bytes: a character that needs four
# bytes, which may be escaped, makes all others in the same text take as many.
_NARROW, _WIDE = 2, 9


def reading_bytes(document: bytes) -> int:
    """The memory that converting `document` takes, estimated from above."""
    values = len(document.translate(None, _NOT_STRUCTURE))
    wide = b"\\u" in document or not document.isascii()
    return values * VALUE_BYTES + len(document) * (_WIDE if wide else _NARROW)


def check_reading(document: bytes, max_bytes: int, records: str = "spans") -> None:
    """Raises TooLarge when converting `document`, which holds `records`, may take more than `max_bytes`."""
    if reading_bytes(document) > max_bytes:
        raise TooLarge(
            f"reading this JSON would take more than {max_bytes} bytes of memory, which is the limit: "
            f"send its {records} in several requests, or in protobuf"
        )
