"""An answer's rows as JSON, CSV or Arrow; which of them a request asks for.

JSON has the whole document. CSV and Arrow have the rows alone, one column a field; what else the document says goes
into a header. In CSV, which knows no nested values, those are JSON texts. Arrow is written by the engine, which can do
so anyway: pyarrow would be 170 MB more to install.
"""

import csv
import io
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, NamedTuple, Protocol, Union, get_args, get_origin, get_type_hints

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.statements import Fragment, statement

# What may be anything is a text: of JSON, unless it is one itself.
_SCALARS = {bool: "Bool", int: "Int64", float: "Float64", str: "String", Any: "String"}


class Format(NamedTuple):
    """A way to write an answer; `media_type` is what it is called in Accept, `content_type` in Content-Type."""

    name: str
    media_type: str
    content_type: str


JSON = Format("json", "application/json", "application/json")
CSV = Format("csv", "text/csv", "text/csv; charset=utf-8")
ARROW = Format("arrow", "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream")
FORMATS = (JSON, CSV, ARROW)


class Writes(Protocol):
    """The part of the store that writes Arrow."""

    async def written(self, create_sql: str, rows: bytes, output_format: str) -> bytes:
        """Rows, one JSON object a line, in one of ClickHouse's formats; `create_sql` makes the table for them."""


def chosen(text: str, accept: str) -> Format | None:
    """What the parameter `format` asks for, or else the header Accept; None when the header takes none of FORMATS.

    Raises InvalidQuestion when the parameter names none.
    """
    if text:
        for form in FORMATS:
            if text.lower() == form.name:
                return form
        names = ", ".join(form.name for form in FORMATS)
        raise InvalidQuestion("format", f"{text[:100]!r} is not a format: choose one of {names}")
    taken = qualities(accept or "*/*")

    def quality(form: Format) -> float:
        ranges = (form.media_type, f"{form.media_type.partition('/')[0]}/*", "*/*")
        return next((taken[name] for name in ranges if name in taken), 0.0)

    best = max(FORMATS, key=quality)  # of equals the first
    return best if quality(best) else None


def qualities(header: str) -> dict[str, float]:
    """What a header such as Accept or Accept-Encoding takes, in lower case, and how gladly: RFC 9110, 12.4.2."""
    taken = {}
    for part in header.split(","):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            taken[name] = float(quality)
        except ValueError:
            taken[name] = 0.0
    return taken


def to_json(value: Any) -> bytes:
    """A document, or a part of one, without spaces."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def to_csv(row: type, rows: list[dict[str, Any]]) -> bytes:
    """Rows as RFC 4180 has them, under a header; null is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = [field.name for field in fields(row)]
    writer.writerow(names)
    for values in rows:
        writer.writerow([_cell(values[name]) for name in names])
    return text.getvalue().encode()


async def to_arrow(writer: Writes, row: type, rows: list[dict[str, Any]]) -> bytes:
    """Rows as an Arrow IPC stream, in columns of the types that the fields of `row` have. Raises StoreError."""
    lines = b"\n".join(map(to_json, rows))
    return await writer.written(answer_table(row).sql, lines, "ArrowStream")


def answer_table(row: type) -> Fragment:
    """The statement that makes the table for rows like these."""
    columns = ", ".join(f"`{name}` {kind}" for name, kind in _columns(row).items())
    return statement("answer_table.sql", columns=Fragment(columns))


def _columns(row: type) -> dict[str, str]:
    hints = get_type_hints(row)
    return {field.name: _engine_type(hints[field.name]) for field in fields(row)}


def _engine_type(hint: Any) -> str:
    """ClickHouse's type for a field's. Raises KeyError for one that no row has had so far."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (some,) = (argument for argument in arguments if argument is not types.NoneType)
        return f"Nullable({_engine_type(some)})"
    if origin is Literal:
        return _SCALARS[type(arguments[0])]
    if origin is tuple:
        return f"Array({_engine_type(arguments[0])})"
    if origin is not None and issubclass(origin, Mapping):
        return f"Map(String, {_engine_type(arguments[1])})"
    if is_dataclass(hint):
        return f"Tuple({', '.join(f'`{name}` {kind}' for name, kind in _columns(hint).items())})"  # type: ignore[arg-type]  # a class
    return _SCALARS[hint]


def _cell(value: Any) -> Any:
    return to_json(value).decode() if isinstance(value, dict | list) else value
