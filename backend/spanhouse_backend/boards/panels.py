"""Panels: a question with its parameters, and how the answer is shown; read as strictly as questions are.

What can stand in a panel is made from the questions' own parameters, so that a panel is written in the words of the API
and an editor's schema knows them all. `shown` says what whoever draws the panel has to know, and nothing is left for
him to guess: which parameters to ask with, which of the page's own to add, and which columns to show.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from spanhouse_backend.boards.columns import FIGURES, Column, Kind, column_named, columns_of
from spanhouse_backend.boards.shapes import SHAPES, Shape, Show
from spanhouse_backend.declared.strict import Name, Strict, Text
from spanhouse_backend.declared.values import length_ns, share
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.parameters import FILTER, LIMIT, MAX_LIMIT, SERVICE, SINCE, UNTIL
from spanhouse_backend.query.question import Parameter, Question
from spanhouse_backend.query.questions.aggregate import Aggregate
from spanhouse_backend.query.steps import TIMEZONE
from spanhouse_backend.query.vocabulary import SPANS

MAX_COLUMNS = 12
# What leads from one answer to the next: a panel has one.
_PAGING = frozenset({"cursor", "offset"})
_OF_PAGE = (SINCE.name, UNTIL.name, SERVICE.name, FILTER.name, TIMEZONE.name)
_MANY, _BARS, _TRENDS, _ONE = str(MAX_LIMIT), "20", "6", "1"
_OVER_TIME = frozenset({"series", "trends", "timeline"})


class Panel(Strict):
    """One panel of a board; its other fields are the question's own parameters."""

    title: Name = Field(description="What stands above it.")
    question: str = Field(description="What is asked.")
    show: Show = Field(description="How the answer is shown: lines, bars, a table, or one number.")
    columns: tuple[Name, ...] | None = Field(
        None,
        min_length=1,
        max_length=MAX_COLUMNS,
        description="Of lines, bars and tables: what of the answer is shown.",
    )
    value: Name | None = Field(None, description="Of a number: which one.")
    above: Text | None = Field(None, description="Of a number: above this it is bad. 250ms, 5%, 100.")
    below: Text | None = Field(None, description="Of a number: below this it is bad.")

    def asks(self) -> tuple[Question[Any], dict[str, str]]:
        """The question that it asks, and the parameters that say so. Raises InvalidQuestion."""
        question = SHAPES[self.question].question
        given = {one.name: text for one in question.parameters() if (text := getattr(self, one.name, None))}
        there = {one.name for one in question.parameters()}
        defaults = {name: text for name, text in self._defaults(given).items() if name in there}
        return question.read(defaults | given, time.time_ns()), defaults | given

    def shown(self) -> "ShownPanel":
        """The panel as whoever draws it has to know it. Raises InvalidQuestion, whose parameter is the field."""
        shape = SHAPES[self.question]
        if self.show not in shape.shows:
            problem = f"what {self.question} says is shown as one of {', '.join(shape.shows)}, not as {self.show}"
            raise InvalidQuestion("show", problem)
        asked, texts = self.asks()
        time_column = self._time(asked)
        columns = self._columns(asked, shape)
        return ShownPanel(
            title=self.title,
            question=self.question,
            show=self.show,
            parameters=texts,
            page=tuple(_of_page(asked, texts)),
            columns=columns,
            labels=tuple(_expanded(columns_of(asked), shape.labels)),
            time=time_column,
            above=self._limit("above", columns),
            below=self._limit("below", columns),
        )

    def _defaults(self, given: Mapping[str, str]) -> dict[str, str]:
        """Of parameters that are not given, where what is shown needs others than the question has."""
        if self.show == "number":
            return {"group": "none", LIMIT.name: _ONE}
        if self.question == "trends":
            return {LIMIT.name: _TRENDS}
        if self.show in ("lines", "bars"):
            return {LIMIT.name: _MANY if given.get("step") else _BARS}
        return {}

    def _time(self, asked: Question[Any]) -> Column | None:
        """Where rows lie in time, if that is what they are drawn over."""
        stepped = self.question in _OVER_TIME or bool(getattr(asked, "cut", None))
        if self.show == "lines" and not stepped:
            raise InvalidQuestion("step", "is missing: lines are drawn over time, so say how long a step is")
        if self.show == "number" and stepped:
            raise InvalidQuestion("step", "a number is of the whole window: leave it out")
        return Column("start", "time", ("start_unix_ns",)) if stepped else None

    def _columns(self, asked: Question[Any], shape: Shape) -> tuple[Column, ...]:
        field = "value" if self.show == "number" else "columns"
        for other in {"value", "columns"} - {field}:
            if getattr(self, other) is not None:
                raise InvalidQuestion(other, f"what is shown as {self.show} is chosen with {field}")
        there = columns_of(asked)
        names = self.columns if self.columns is not None else (self.value,) if self.value else None
        found = tuple(
            _expanded(there, getattr(shape, self.show)) if names is None else _named(asked, there, names, field)
        )
        if self.show == "table":
            return found
        figures = [column.name for column in there.values() if column.kind in FIGURES]
        if self.show == "number" and len(found) != 1:
            raise InvalidQuestion(field, f"is missing: one of {', '.join(figures)}")
        for column in found:
            if column.kind not in FIGURES:
                raise InvalidQuestion(field, f"{column.name} is no figure: there are {', '.join(figures)}")
            if column.kind != found[0].kind:
                problem = f"{_said(found[0])} and {_said(column)} have no axis in common: choose some with {field}"
                raise InvalidQuestion(field, problem)
        return found

    def _limit(self, field: Literal["above", "below"], columns: tuple[Column, ...]) -> float | None:
        text = getattr(self, field)
        if text is None:
            return None
        if self.show != "number":
            raise InvalidQuestion(field, "only a number has a limit")
        return _limit(field, text, columns[0].kind)


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """One panel: GET /api/v1/<question> with these `parameters`, shown so.

    `page` are the parameters that whoever shows it adds of his own: the window, the service and the filter that he
    looks at (in addition to the panel's own filter), the time zone of his clocks. `columns` are what is shown, `labels`
    what tells rows apart, `time` where rows lie in time, null if they do not. Above `above`, or below `below`, a number
    is bad; both are in the column's unit, null for no limit.
    """

    title: str
    question: str
    show: Show
    parameters: Mapping[str, str]
    page: tuple[str, ...]
    columns: tuple[Column, ...]
    labels: tuple[Column, ...]
    time: Column | None
    above: float | None
    below: float | None


def _of_page(asked: Question[Any], texts: Mapping[str, str]) -> Iterator[str]:
    taken = {parameter.name for parameter in asked.parameters()}
    fixed = SINCE.name in texts or UNTIL.name in texts
    for name in _OF_PAGE:
        if name not in taken or (name in (SINCE.name, UNTIL.name) and fixed):
            continue
        # Filters over spans are added to each other; those over records are in another language.
        if _filters_spans(asked) if name == FILTER.name else name not in texts:
            yield name


def _filters_spans(asked: Question[Any]) -> bool:
    return asked.of.vocabulary is SPANS if isinstance(asked, Aggregate) else FILTER in asked.parameters()


def _expanded(there: Mapping[str, Column], fields: tuple[str, ...]) -> Iterator[Column]:
    for field in fields:
        yield from (
            column for column in there.values() if field in (column.name, column.path[0]) and _is(column, field)
        )


def _is(column: Column, field: str) -> bool:
    """A quotient is meant by its name only, and not by the field that it begins with."""
    return column.per is None or column.name == field


def _named(asked: Question[Any], there: Mapping[str, Column], names: tuple[str, ...], field: str) -> Iterator[Column]:
    for name in names:
        column = column_named(asked, there, name)
        if column is None:
            raise InvalidQuestion(field, f"{name[:100]!r} is not in the answer: there are {', '.join(there)}")
        yield column


def _said(column: Column) -> str:
    return f"{column.name}, a {column.kind},"


def _limit(field: str, text: str, kind: Kind) -> float:
    try:
        if kind == "duration":
            return length_ns(text)
        if kind == "share":
            return share(text)
    except PydanticCustomError as error:
        raise InvalidQuestion(field, error.message()) from error
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise InvalidQuestion(field, f"{text[:100]!r} is not a number")
    return number


def _parameter(parameter: Parameter) -> tuple[Any, Any]:
    """A field of a panel. In the file it is a text like all others; in YAML as editors know it, it may be a number."""
    schema = dict(parameter.schema) | {"description": parameter.help}
    text = Annotated[Text, WithJsonSchema(schema)]
    return (text, Field(...)) if parameter.required else (text | None, Field(None))


def _asking(question: type[Question[Any]]) -> type[Panel]:
    """The panels that ask this question."""
    own = {one.name: _parameter(one) for one in question.parameters() if one.name not in _PAGING}
    model: type[Panel] = create_model(
        f"{question.__name__}Panel",
        __base__=Panel,
        __doc__=question.help(),
        question=(Literal[question.name], Field(description=question.help())),
        **own,  # type: ignore[call-overload]  # names that are known at run time only
    )
    return model


if TYPE_CHECKING:
    AnyPanel: TypeAlias = Panel
else:
    _PANELS = [_asking(shape.question) for shape in SHAPES.values()]
    AnyPanel = Annotated[reduce(or_, _PANELS), Field(discriminator="question")]
