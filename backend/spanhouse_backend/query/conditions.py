"""A filter's meaning as a SQL condition over the table of its vocabulary, or over the rollups, which share four columns
of the spans' table.

Every operator and every kind of field has its fragment in the tables below; only the numbers in parameters' names are
made here. Values, attribute keys among them, are parameters always.
"""

from collections.abc import Callable, Iterator
from itertools import count

from spanhouse_backend.query.filters import All, Comparison, Exists, Filter, Not, each_term
from spanhouse_backend.query.statements import Fragment
from spanhouse_backend.query.vocabulary import Field
from spanhouse_backend.severities import LEVELS

# The columns that the rollups have, too: a filter over others needs the spans themselves.
ROLLUP_COLUMNS = frozenset({"ServiceName", "SpanName", "SpanKind", "StatusCode"})

# What went wrong, as OpenTelemetry's conventions record it: the attribute, else the first exception event's type.
ERROR_TYPE = (
    "if(SpanAttributes['error.type'] != '', SpanAttributes['error.type'], "
    "arrayFirst(type -> type != '', arrayMap(event -> event['exception.type'], Events.Attributes)))"
)
_COMPARED = {
    "=": "{subject} = {value}",
    "^=": "startsWith({subject}, {value})",
    "~": "match({subject}, {value})",
    ">": "{subject} > {value}",
    ">=": "{subject} >= {value}",
    "<": "{subject} < {value}",
    "<=": "{subject} <= {value}",
    "in": "{subject} IN {value}",
    # Reads the text: the index over bodies knows words as they are written only, and a part of a word not at all.
    "contains": "positionCaseInsensitiveUTF8({subject}, {value}) > 0",
}
_VALUE_TYPES = {"duration": "UInt64", "level": "UInt8"}
# An attribute that is no number compares with none.
_NUMERIC = "ifNull(toFloat64OrNull({subject}) {operator} {value}, 0)"
_ATTRIBUTE = "{column}[{key}]"
_HAS_ATTRIBUTE = "mapContains({column}, {key})"
_ANY_EVENT = "arrayExists(event -> {condition}, Events.Name)"
_NOT_EMPTY = "{subject} != ''"
# A record without a level is not below any.
_HAS_LEVEL = "{subject} > 0"
# Element 0 of an array is '' there.
_LEVEL_WORD = f"{list(LEVELS)}[least(intDiv({{column}} + 3, 4), {len(LEVELS)})]"

# Takes a value and its ClickHouse type, gives the placeholder it is bound to.
_Bind = Callable[[object, str], str]


def needs_spans(filtered: Filter) -> bool:
    """Whether the rollups cannot answer a question with this filter."""
    return any(term.field.column not in ROLLUP_COLUMNS for term in each_term(filtered))


def condition(filtered: Filter) -> Fragment:
    """The SQL condition, with its parameters `filter_0`, `filter_1`, ..; "1" for the filter of everything."""
    parameters: dict[str, object] = {}
    sql = _condition(filtered, parameters, count())
    return Fragment(sql, parameters)


def subject(field: Field, parameter: str) -> Fragment:
    """The SQL expression of a field's value, as text; '' for an attribute or a level that is not there.

    `parameter` is what the attribute's key is called.
    """
    if field.kind == "attribute":
        key = f"{{{parameter}:String}}"
        return Fragment(_ATTRIBUTE.format(column=field.column, key=key), {parameter: field.key})
    if field.kind == "level":
        return Fragment(_LEVEL_WORD.format(column=field.column))
    return Fragment(ERROR_TYPE if field.kind == "error_type" else field.column)


def _condition(filtered: Filter, parameters: dict[str, object], numbers: Iterator[int]) -> str:
    if isinstance(filtered, Not):
        return f"NOT {_condition(filtered.operand, parameters, numbers)}"
    if isinstance(filtered, Exists | Comparison):
        return f"({_term(filtered, parameters, numbers)})"
    operands = [_condition(operand, parameters, numbers) for operand in filtered.operands]
    if not operands:
        return "1"
    return f"({(' AND ' if isinstance(filtered, All) else ' OR ').join(operands)})"


def _term(term: Comparison | Exists, parameters: dict[str, object], numbers: Iterator[int]) -> str:
    def bound(value: object, kind: str) -> str:
        name = f"filter_{next(numbers)}"
        parameters[name] = value
        return f"{{{name}:{kind}}}"

    field = term.field
    if field.kind == "attribute":
        key = bound(field.key, "String")
        there = _HAS_ATTRIBUTE.format(column=field.column, key=key)
        if isinstance(term, Exists):
            return there
        # The key's own condition is what the index over keys answers, and tells absent from empty.
        return f"{there} AND {_compared(term, _ATTRIBUTE.format(column=field.column, key=key), bound)}"
    if field.kind == "event":
        inner = _NOT_EMPTY.format(subject="event") if isinstance(term, Exists) else _compared(term, "event", bound)
        return _ANY_EVENT.format(condition=inner)
    if field.kind == "level":
        there = _HAS_LEVEL.format(subject=field.column)
        return there if isinstance(term, Exists) else f"{there} AND {_compared(term, field.column, bound)}"
    value = ERROR_TYPE if field.kind == "error_type" else field.column
    return _NOT_EMPTY.format(subject=value) if isinstance(term, Exists) else _compared(term, value, bound)


def _compared(term: Comparison, value: str, bound: _Bind) -> str:
    kind = _VALUE_TYPES.get(term.field.kind, "String")
    if term.operator == "in":
        return _COMPARED["in"].format(subject=value, value=bound(list(term.values), f"Array({kind})"))
    if isinstance(term.values[0], float):
        return _NUMERIC.format(subject=value, operator=term.operator, value=bound(term.values[0], "Float64"))
    return _COMPARED[term.operator].format(subject=value, value=bound(term.values[0], kind))
