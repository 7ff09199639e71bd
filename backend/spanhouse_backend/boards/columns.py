"""What an answer's rows have that can be shown, by the names that people know it by.

The columns are made from the rows' own fields, so a question that says more shows more. "_ns" and "_unix_ns" are left
out of names, and what stands in a map is called by its key: p99, p99(duration), attr.user.tier.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from spanhouse_backend.query.percentiles import level_name
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.aggregate import Aggregate
from spanhouse_backend.query.questions.metric_percentiles import MetricPercentiles

Kind = Literal["count", "duration", "share", "number", "metric", "time", "text"]
FIGURES: tuple[Kind, ...] = ("count", "duration", "share", "number", "metric")
"""The kinds that can be drawn, and held against a limit."""
ERROR_RATE = "error_rate"
_TYPES: Mapping[type, Kind] = {int: "count", float: "number", str: "text"}
# Of a metric, in its own unit.
_OF_METRICS = frozenset({"sum", "mean", "min", "max"})


@dataclass(frozen=True, slots=True)
class Column:
    """What one column shows: what is at `path` in a row, divided by what is at `per` if that is not null.

    Its kind says how it is read: a `count`, a `duration` in nanoseconds, a `share` from 0 to 1, a `number`, a `metric`,
    which is in the `unit` that the row says, a `time` in Unix nanoseconds, or a `text`. Of the question `trends`, a
    figure is a list, with one for each step.
    """

    name: str
    kind: Kind
    path: tuple[str, ...]
    per: tuple[str, ...] | None = None


def columns_of(asked: Question[Any]) -> dict[str, Column]:
    """The columns that answers to `asked` have, by their names, in order."""
    columns = {column.name: column for column in _columns(asked)}
    for calls in ("calls", "count"):
        if {"errors", calls} <= columns.keys():
            columns[ERROR_RATE] = Column(ERROR_RATE, "share", columns["errors"].path, columns[calls].path)
    return columns


def column_named(asked: Question[Any], columns: Mapping[str, Column], name: str) -> Column | None:
    """The column that somebody calls so, with "_ns" or without; None when there is none."""
    found = columns.get(name) or columns.get(_short(name))
    if found is None and name.startswith("attr.") and "attributes" in {field.name for field in fields(asked.row)}:
        return Column(name, "text", ("attributes", name.removeprefix("attr.")))
    return found


def _columns(asked: Question[Any]) -> Iterator[Column]:
    hints = get_type_hints(asked.row)
    for field in fields(asked.row):
        if field.name == "start_unix_ns" and getattr(asked, "cut", ...) is None:
            continue  # it is null in all rows
        if (members := _members(asked, field.name)) is not None:
            yield from (Column(name, kind, (field.name, name)) for name, kind in members)
        elif kind := _kind(asked, field.name, hints[field.name]):
            yield Column(_short(field.name), kind, (field.name,))


def _members(asked: Question[Any], field: str) -> list[tuple[str, Kind]] | None:
    """What stands in a map; None for what is none, or one of which only the data knows the keys."""
    if field in ("percentiles_ns", "percentiles"):
        kind: Kind = "duration" if field == "percentiles_ns" else "metric"
        return [(level_name(level), kind) for level in getattr(asked, "levels")]  # noqa: B009 - not of all questions
    if field == "group":
        return [(name, "text") for name in getattr(asked, "group")]  # noqa: B009 - likewise
    if field == "figures" and isinstance(asked, Aggregate):
        return [(figure.name, _figure(figure.of)) for figure in asked.select]
    return None


def _figure(of: Any) -> Kind:
    if of is None:
        return "count"
    return "duration" if of.kind == "duration" else "number"


def _kind(asked: Question[Any], name: str, hint: Any) -> Kind | None:
    """What a field holds; None for what cannot be shown in a cell, or drawn."""
    if isinstance(asked, MetricPercentiles) and name in _OF_METRICS:
        return "metric"
    of = _type(hint)
    if of is None or name == "share":
        return of and "share"
    if name.endswith("_unix_ns"):
        return "time"
    return "duration" if name.endswith("_ns") else of


def _type(hint: Any) -> Kind | None:
    """Of int, float or str, or of one of them or None; of a list of numbers, that of the numbers."""
    parts = [part for part in (get_args(hint) or (hint,)) if part not in (NoneType, Ellipsis)]
    if get_origin(hint) is tuple:
        of = _type(parts[0])
        return None if of == "text" else of
    return _TYPES.get(parts[0]) if len(parts) == 1 else None


def _short(name: str) -> str:
    return name.removesuffix("_unix_ns").removesuffix("_ns")
