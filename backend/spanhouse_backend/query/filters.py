"""The filter language: `service=checkout duration>50ms status=error attr.user.tier=gold name~"app.*"`.

filter.lark is its grammar; this file gives every term its meaning, and refuses what has none with the column where it
stands. conditions.py makes SQL of the result. Terms side by side are ANDed; OR, NOT and parentheses are there too.
A negative (`!=`, `!~`, NOT) is exactly what its positive leaves over, so `attr.tier!=gold` holds for a span without a
tier. Inside quotes a backslash stands for itself, except before a quote or another backslash.

What the fields are is a Vocabulary's to say. Of spans:

    service, name, scope, message   text (`message` is the status message)
    kind, status                    server, client, ..; error, ok, unset: = != in
    duration                        50ms, 1.5s, or nanoseconds: = != > >= < <= in
    trace_id, span_id, parent_id    hexadecimal: = != in, or alone: there is one
    attr.KEY, resource.KEY          an attribute, odd keys in quotes, attr."a b": as text, and > and its kin compare
                                    numbers; alone: there is one
    event                           text: the name of any of a span's events
    error.type                      text: the attribute, else the type of the recorded exception

and of records:

    service, scope (or logger)      text
    body, event, severity           text: `event` is the name of an event, `severity` the sender's word
    level                           trace, debug, info, warn, error, fatal, or OpenTelemetry's 1 to 24:
                                    = != > >= < <= in, or alone: it has one. A word is the whole range of its numbers
    trace_id, span_id               as above
    attr.KEY, resource.KEY          as above

and of data points of metrics:

    service, name, scope, unit      text: `name` is the metric's
    attr.KEY, resource.KEY          as above

Text takes = != in, ^= (begins with), ~ and !~ (an RE2 pattern, anywhere in it), and alone means: not empty.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.levels import Severities, level_words, parse_level
from spanhouse_backend.query.times import parse_length
from spanhouse_backend.query.vocabulary import SPANS, Field, Kind, Vocabulary

PARAMETER = "filter"
MAX_CHARACTERS = 4096
MAX_TERMS = 64
MAX_PATTERN_CHARACTERS = 256
_MAX_DURATION_NS = 2**64 - 1

# `contains`, whatever the case, is what questions ask of their own accord: the grammar has no such operator.
Operator = Literal["=", "!=", "^=", "~", "!~", ">", ">=", "<", "<=", "in", "contains"]

_EQUALS: frozenset[Operator] = frozenset({"=", "!=", "in"})
_TEXTUAL: frozenset[Operator] = _EQUALS | {"^=", "~", "!~"}
_ORDERED: frozenset[Operator] = frozenset({">", ">=", "<", "<="})
_OPERATORS: dict[Kind, frozenset[Operator]] = {
    "text": _TEXTUAL,
    "choice": _EQUALS,
    "duration": _EQUALS | _ORDERED,
    "level": _EQUALS | _ORDERED,
    "id": _EQUALS,
    "attribute": _TEXTUAL | _ORDERED,
    "event": _TEXTUAL,
    "error_type": _TEXTUAL,
}
_ID_DIGITS = {"TraceId": 32, "SpanId": 16, "ParentSpanId": 16}
# What the columns hold: our own spelling, and that of collectors which write the protocol's names.
_CHOICES = {
    "SpanKind": {
        kind.lower(): (kind, f"SPAN_KIND_{kind.upper()}")
        for kind in ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
    },
    "StatusCode": {code.lower(): (code, f"STATUS_CODE_{code.upper()}") for code in ("Unset", "Ok", "Error")},
}
_ORDER: tuple[Operator, ...] = ("=", "!=", "^=", "~", "!~", ">", ">=", "<", "<=", "in")
# What a terminal of the grammar is called in messages.
_WORDS = {
    "FIELD": "a field",
    "OPERATOR": f"an operator ({' '.join(_ORDER)})",
    "WORD": "a value (put odd ones in quotes)",
    "RPAR": "a closing parenthesis",
    "COMMA": "a comma",
}
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?(e-?[0-9]{1,3})?", re.IGNORECASE)
_NANOSECONDS = re.compile(r"[0-9]{1,20}")
# What filter.lark takes for a key without quotes.
_PLAIN_KEY = re.compile(r"[\w.\-/]+")
_ESCAPED = re.compile(r"""\\(["'\\])""")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator values`: of `in`, and of choices, any of the values; else there is one.

    Values are of the field's type: text, nanoseconds, severity numbers, or a number when an attribute is compared by
    size. `column` is where the first of them stands in the filter, counted from 1, and 0 for what no filter wrote.
    """

    field: Field
    operator: Operator
    values: tuple[str | int | float, ...]
    column: int = 0


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, and not empty."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """Whatever `operand` leaves over."""

    operand: "Filter"


@dataclass(frozen=True, slots=True)
class All:
    """Every one of the operands; without any, everything."""

    operands: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the operands."""

    operands: tuple["Filter", ...]


Filter = Comparison | Exists | Not | All | AnyOf
EVERYTHING = All()


def parse_filter(text: str, vocabulary: Vocabulary = SPANS) -> Filter:
    """The meaning of a filter; '' is EVERYTHING. Raises InvalidQuestion with the column of the trouble."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuestion(PARAMETER, f"a filter is not longer than {MAX_CHARACTERS} characters")
    if not text.strip():
        return EVERYTHING
    try:
        text.encode()
    except UnicodeEncodeError as error:  # the lone surrogates that a command line makes of such bytes
        raise InvalidQuestion(PARAMETER, "this is not UTF-8", text=text, column=error.start + 1) from None
    try:
        return _parse(text, vocabulary)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    except InvalidQuestion as error:
        raise InvalidQuestion(PARAMETER, error.problem, text=text, column=error.column) from None


def both(one: Filter, other: Filter) -> Filter:
    """What both hold of."""
    return All(tuple(part for filtered in (one, other) for part in _parts(filtered)))


def equals(name: str, value: str, vocabulary: Vocabulary = SPANS) -> Filter:
    """The filter `name=value`, of a field of text or an id; nothing is read into `value`."""
    return Comparison(vocabulary.fields[name], "=", (value,))


def field(parameter: str, text: str, vocabulary: Vocabulary = SPANS) -> Field:
    """The field that `text` names. Raises InvalidQuestion naming `parameter`."""
    if text in vocabulary.fields:
        return vocabulary.fields[text]
    prefix, _, key = text.partition(".")
    if prefix in vocabulary.maps and key:
        quoted = len(key) > 1 and key.startswith('"') and key.endswith('"')
        return Field("attribute", vocabulary.maps[prefix], _ESCAPED.sub(r"\1", key[1:-1]) if quoted else key)
    raise InvalidQuestion(parameter, f"there is no field {text[:100]!r}: there are {vocabulary.names()}")


def attribute_name(column: str, key: str) -> str:
    """How the attribute `key` of a map column is named in a filter over spans."""
    prefix = next(prefix for prefix, mapped in SPANS.maps.items() if mapped == column)
    if _PLAIN_KEY.fullmatch(key):
        return f"{prefix}.{key}"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{prefix}."{escaped}"'


def each_term(filtered: Filter) -> Iterator[Comparison | Exists]:
    """The terms of a filter, from left to right."""
    if isinstance(filtered, Not):
        yield from each_term(filtered.operand)
    elif isinstance(filtered, All | AnyOf):
        for operand in filtered.operands:
            yield from each_term(operand)
    else:
        yield filtered


def _parts(filtered: Filter) -> tuple[Filter, ...]:
    return filtered.operands if isinstance(filtered, All) else (filtered,)


class _Meaning(Transformer[Token, Filter]):
    """Called by the parser as it goes, rule by rule, so that no depth of nesting is too deep for it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    @v_args(inline=True)
    def value(self, token: Token) -> Token:
        return token

    @v_args(inline=True)
    def existence(self, name: Token) -> Filter:
        found = _field(name, self._vocabulary)
        if found.kind in {"choice", "duration"}:
            every = f"every {self._vocabulary.one} has a {name}"
            raise _at(name, f"{every}: compare it with something, as in {name}={_example(found)}")
        return Exists(found)

    @v_args(inline=True)
    def comparison(self, name: Token, operator: Token, value: Token) -> Filter:
        return _comparison(_field(name, self._vocabulary), name, str(operator), (value,), operator)

    @v_args(inline=True)
    def membership(self, name: Token, *values: Token) -> Filter:
        return _comparison(_field(name, self._vocabulary), name, "in", values, name)

    @v_args(inline=True)
    def negation(self, operand: Filter) -> Filter:
        return operand.operand if isinstance(operand, Not) else Not(operand)

    def conjunction(self, operands: list[Filter]) -> Filter:
        return All(tuple(part for operand in operands for part in _parts(operand)))

    def disjunction(self, operands: list[Filter]) -> Filter:
        return AnyOf(tuple(operands))


@cache
def _grammar(vocabulary: Vocabulary) -> Lark:
    text = (files("spanhouse_backend.query") / "filter.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", transformer=_Meaning(vocabulary), maybe_placeholders=False)


def _parse(text: str, vocabulary: Vocabulary) -> Filter:
    parser = _grammar(vocabulary).parse_interactive(text)
    terms, token = 0, None
    for token in parser.iter_parse():
        terms += token.type == "FIELD"
        # Here, and not afterwards: this is also what bounds how deep the meaning can be.
        if terms > MAX_TERMS:
            raise _at(token, f"a filter has at most {MAX_TERMS} terms")
    meaning: Filter = parser.feed_eof(token)  # type: ignore[no-untyped-call]  # lark's only one without annotations
    return meaning


def _comparison(found: Field, name: Token, written: str, values: tuple[Token, ...], operator: Token) -> Filter:
    allowed = _OPERATORS[found.kind]
    if written not in allowed:
        choices = ", ".join(known for known in _ORDER if known in allowed)
        raise _at(operator, f"{written} does not go with {name}: use one of {choices}")
    # The positive is what is checked and compared: a negative is all that it leaves over.
    negative = written in {"!=", "!~"}
    positive: Operator = written.removeprefix("!") or "="  # type: ignore[assignment]  # in `allowed`
    if found.kind == "level":
        term = compared_level(found, positive, tuple(map(_level, values)), _column(values[0]))
        return Not(term) if negative else term
    meant = tuple(_value(found, positive, value) for value in values)
    if found.kind == "choice":
        spellings = tuple(spelling for choice in meant for spelling in _CHOICES[found.column][str(choice)])
        term = Comparison(found, "in", spellings, _column(values[0]))
    else:
        term = Comparison(found, positive, meant, _column(values[0]))
    return Not(term) if negative else term


def compared_level(found: Field, operator: Operator, levels: tuple[Severities, ...], column: int = 0) -> Comparison:
    """A level compared: equal is any number of a word's, more than it is more than all of them."""
    if operator in _ORDERED:
        (level,) = levels
        return Comparison(found, operator, (level.least if operator in {">=", "<"} else level.most,), column)
    numbers = sorted({number for level in levels for number in range(level.least, level.most + 1)})
    return Comparison(found, "in", tuple(numbers), column)


def _level(token: Token) -> Severities:
    text = _unquoted(token)
    level = parse_level(text)
    if level is None:
        raise _at(token, f"{text[:100]!r} is none of {level_words()}")
    return level


def _value(found: Field, operator: Operator, token: Token) -> str | int | float:
    text = _unquoted(token)
    if operator == "~" and len(text) > MAX_PATTERN_CHARACTERS:
        raise _at(token, f"a pattern is not longer than {MAX_PATTERN_CHARACTERS} characters")
    if found.kind == "choice":
        if text.lower() not in _CHOICES[found.column]:
            raise _at(token, f"{text[:100]!r} is not one of {', '.join(_CHOICES[found.column])}")
        return text.lower()
    if found.kind == "duration":
        return _duration(token, text)
    if found.kind == "id":
        digits = _ID_DIGITS[found.column]
        if not re.fullmatch(f"[0-9a-f]{{{digits}}}", text.lower()):
            raise _at(token, f"{text[:100]!r} is not {digits} hexadecimal digits")
        return text.lower()
    if operator in _ORDERED:
        if not _NUMBER.fullmatch(text):
            raise _at(token, f"{text[:100]!r} is not a number, which {operator} compares attributes with")
        return float(text)
    return text


def _unquoted(token: Token) -> str:
    return _ESCAPED.sub(r"\1", token[1:-1]) if token.type == "QUOTED" else str(token)


def _duration(token: Token, text: str) -> int:
    try:
        nanoseconds = int(text) if _NANOSECONDS.fullmatch(text) else parse_length(PARAMETER, text)
    except InvalidQuestion as error:
        raise _at(token, error.problem) from None
    if nanoseconds > _MAX_DURATION_NS:
        raise _at(token, f"{text[:100]} is longer than any duration")
    return nanoseconds


def _field(name: Token, vocabulary: Vocabulary) -> Field:
    try:
        return field(PARAMETER, str(name), vocabulary)
    except InvalidQuestion as error:
        raise _at(name, error.problem) from None


def _example(found: Field) -> str:
    return "50ms" if found.kind == "duration" else next(reversed(_CHOICES[found.column]))


def _at(token: Token, problem: str) -> InvalidQuestion:
    return InvalidQuestion(PARAMETER, problem, column=_column(token))


def _column(token: Token) -> int:
    # Lark counts columns from the last line break; ours are counted from the beginning, wherever lines break.
    return (token.start_pos or 0) + 1


def _syntax_error(text: str, error: UnexpectedInput) -> InvalidQuestion:
    if isinstance(error, UnexpectedCharacters):
        position = cast("int", error.pos_in_stream)
        column, found, expected = position + 1, repr(text[position]), error.allowed
    elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
        column, found, expected = _column(error.token), repr(str(error.token)[:100]), error.expected
    else:
        column, found, expected = len(text) + 1, "the end", getattr(error, "expected", set())
    wanted = [words for terminal, words in _WORDS.items() if terminal in (expected or ())]
    return InvalidQuestion(
        PARAMETER, f"found {found} where {' or '.join(wanted) or 'nothing'} should be", text=text, column=column
    )
