"""A command for a question: options made from its parameters, the question asked, its answer shown or handed on.

    @question_command(Services, examples=_EXAMPLES)
    def services(answer: Answered, out: Console) -> None:
        "Show which services send spans."

is all that a command has to be; its function draws the table. JSON and CSV pass through row by row. Parameters are
described once, with the questions; here they only get dashes.
"""

import functools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import click
from rich.console import Console

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, RefusedError, Where, ask, usage_error, where_options
from spanhouse_backend.cli.completing import complete
from spanhouse_backend.cli.output import console, format_option, printable, write_csv, write_json_rows
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.parameters import MAX_LIMIT
from spanhouse_backend.query.question import Parameter, Question
from spanhouse_backend.query.questions.metric_percentiles import MetricPercentiles
from spanhouse_backend.query.questions.metrics import Metrics
from spanhouse_backend.query.times import parse_time
from spanhouse_proto.query_pb2 import AskRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

Asked: TypeAlias = type[Question[Any]]
Texts: TypeAlias = Mapping[str, str]
Row: TypeAlias = dict[str, Any]
Taken = TypeVar("Taken")
Command = TypeVar("Command", bound=Callable[..., Any])

_TIMES = frozenset({"since", "until"})
_ACCURACIES = {
    "bucketed": "percentiles within 0.55%",
    "bounded": "percentiles within the buckets that were recorded",
    "exact": "exact",
}
# Fields of a row whose keys are the caller's own, and what CSV's columns of them end in: a column each.
_SPREAD = {"group": "", "percentiles_ns": "_ns", "figures": "", "percentiles": "", "above": "_above", "up_to": "_up_to"}


class Answered(NamedTuple):
    """A whole answer for a table: how it was asked, its document without the rows, and the rows."""

    question: Any
    texts: Texts
    head: Mapping[str, Any]
    rows: list[Row]

    @property
    def from_ns(self) -> int:
        """Where the window that was answered begins, in Unix nanoseconds; 0 is everything stored."""
        return parse_time("from", self.head["from"], 0)

    @property
    def to_ns(self) -> int:
        """Where it ends."""
        return parse_time("to", self.head["to"], 0)


Show: TypeAlias = Callable[..., None]


def question_command(
    asked: Asked, *, examples: str, positional: str = "", noun: str = "calls"
) -> Callable[[Show], click.Command]:
    """Makes a command of the function that shows a whole answer; its name and docstring are the command's.

    `positional` is the parameter that may be written without its option; options of click's on the function are handed
    to it. `noun` is what there are none of in an empty answer.
    """

    def decorate(show: Show) -> click.Command:
        @click.command(show.__name__.rstrip("_").replace("_", "-"), help=show.__doc__, epilog=examples)
        @question_options(asked, positional)
        @format_option
        @where_options
        def command(*, texts: Texts, form: str, where: Where, **others: Any) -> None:
            def table(answer: Answered, out: Console) -> None:
                show(answer, out, **others)

            answer_in(form, where, asked, texts, table, noun)

        # What the function has of its own comes first in --help, as it would on a function of click's.
        command.params[:0] = reversed(getattr(show, "__click_params__", []))
        return command

    return decorate


def question_options(
    asked: Asked, positional: str = "", *, without: frozenset[str] = frozenset()
) -> Callable[[Command], Command]:
    """Adds an option for each parameter of a question; the command is given what was written as one `texts`, checked.

    A parameter that is `positional` may be written without its option; one without a default must be. Those of
    `without` are the command's own affair.
    """
    parameters = {parameter.name: parameter for parameter in asked.parameters() if parameter.name not in without}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_texts(*args: Any, **values: Any) -> Any:
            texts = {name: _text(values.pop(name, None)) for name in parameters}
            bare = _text(values.pop(_bare(positional), None))
            if bare and texts.get(positional):
                raise click.UsageError(f"{_written(positional)} {bare!r} is given already, without its option")
            texts = {name: text for name, text in (texts | ({positional: bare} if bare else {})).items() if text}
            # The server reads them again with its own clock; this only tells mistakes from failures.
            try:
                asked.read(texts, time.time_ns())
            except InvalidQuestion as error:
                if error.parameter == positional and parameters[positional].required:
                    raise click.BadParameter(error.pointed, param_hint=positional.upper()) from error
                raise usage_error(error) from error
            return command(*args, texts=texts, **values)

        decorated: Any = with_texts
        for parameter in reversed(parameters.values()):
            if parameter.name == positional:
                written = parameter.name.upper()
                decorated = click.argument(
                    _bare(positional),
                    required=parameter.required,
                    metavar=written if parameter.required else f"[{written}]",
                    shell_complete=complete,
                )(decorated)
            if parameter.name != positional or not parameter.required:
                decorated = _option(parameter)(decorated)
        return cast("Command", decorated)

    return decorate


def stream(where: Where, asked: Asked, texts: Texts, take: Callable[[Row, Iterator[Row]], Taken]) -> Taken:
    """Asks, and gives `take` the answer's document without its rows, and these as they come.

    Raises click.ClickException when there is no answer, exit code 2 when the server does not like the question.
    """

    def call(query: QueryStub) -> Taken:
        return take(*parts(query, asked, texts))

    try:
        return ask(where, call)
    except RefusedError as error:
        if not error.column:
            raise
        problem = error.message.partition(f"column {error.column}: ")[2]
        text = texts.get(error.parameter, "")
        raise usage_error(InvalidQuestion(error.parameter, problem, text=text, column=error.column)) from error


def parts(query: QueryStub, asked: Asked, texts: Texts) -> tuple[Row, Iterator[Row]]:
    """The answer's document without its rows, and these as they come. Raises grpc.RpcError."""
    messages = query.Ask(AskRequest(question=asked.name, parameters=texts), timeout=TIMEOUT_SECONDS)
    head: Row = json.loads(next(messages).document)
    return head, (row for message in messages for row in json.loads(message.rows))


def answer_in(
    form: str, where: Where, asked: Asked, texts: Texts, table: Callable[[Answered, Console], None], noun: str
) -> None:
    """Asks, and writes the answer in a form of `format_option`."""
    if form == "json":
        stream(where, asked, texts, write_json_rows)
    elif form == "csv":
        stream(where, asked, texts, lambda _head, rows: write_rows(asked, rows))
    else:
        show(whole(where, asked, texts), table, noun, console())


all_option = click.option("--all", "every", is_flag=True, help="All of them, however many: with --format json or csv.")


def answer_every(form: str, where: Where, asked: Asked, texts: Texts) -> None:
    """As `answer_in`, with the rows of all pages; for programs only. Raises click.UsageError when a table is wanted."""
    if form == "table":
        raise click.UsageError("--all is for programs: add --format json or --format csv")
    if form == "json":
        ask(where, lambda query: write_json_rows(*every_row(query, asked, texts)))
    else:
        ask(where, lambda query: write_rows(asked, every_row(query, asked, texts)[1]))


def every_row(query: QueryStub, asked: Asked, texts: Texts) -> tuple[Row, Iterator[Row]]:
    """The answer's document without its rows, and those of all pages, asked for as they are taken.

    Raises grpc.RpcError.
    """
    every = {"limit": str(MAX_LIMIT), **texts}
    head, first = parts(query, asked, every)
    following = head.pop("next")

    def rows() -> Iterator[Row]:
        yield from first
        cursor = following
        while cursor:
            page, more = parts(query, asked, every | {"cursor": cursor})
            yield from more
            cursor = page["next"]

    return head, rows()


def whole(where: Where, asked: Asked, texts: Texts) -> Answered:
    """The whole answer."""
    head, rows = stream(where, asked, texts, lambda head, rows: (head, list(rows)))
    return Answered(asked.read(texts, time.time_ns()), texts, head, rows)


def show(answer: Answered, table: Callable[[Answered, Console], None], noun: str, out: Console) -> None:
    """The table, or that there is nothing to put into one; then what the answer has to say of itself."""
    if any(row.get("calls", 1) for row in answer.rows):
        table(answer, out)
        limit = getattr(answer.question, "limit", None)
        if limit is not None and len(answer.rows) >= limit:
            dim(out, f"Only the first {len(answer.rows)}: see more with --limit.")
    else:
        out.print(_nothing(answer, noun), markup=False, soft_wrap=True)
    for note in answer.head.get("notes", ()):
        dim(out, f"Note: {note}")


def title(answer: Answered, out: Console, *further: str) -> None:
    """The line above a table: the window, what `further` says, and how exact it is."""
    since = f"From {answer.head['from']}" if answer.from_ns else "Everything"
    dim(out, ", ".join([f"{since} until {answer.head['to']}", *further, _ACCURACIES[answer.head["accuracy"]]]))


def dim(out: Console, text: str) -> None:
    """A line beside the point."""
    out.print(text, style="dim", markup=False)


def write_rows(asked: Asked, rows: Iterator[Row]) -> None:
    """The rows as CSV: percentiles and groups in columns of their own, what else is nested as JSON."""
    first = next(rows, None)
    if first is None:
        write_csv([field.name for field in fields(asked.row)], [])
        return
    header = list(_flat(first))
    write_csv(header, (list(_flat(row).values()) for row in chain([first], rows)))


def _flat(row: Row) -> Row:
    flat: Row = {}
    for name, value in row.items():
        if name in _SPREAD:
            flat |= {f"{key}{_SPREAD[name]}": part for key, part in value.items()}
        else:
            flat[name] = json.dumps(value) if isinstance(value, dict | list) else value
    return flat


def _nothing(answer: Answered, noun: str) -> str:
    """That there is nothing, and which option to leave out to see more."""
    command = click.get_current_context().info_name
    # Other questions have a level, too, which is a percentile.
    of_records = any(parameter.name == "text" for parameter in answer.question.parameters())
    narrowed = [name for name in _NARROWING if answer.texts.get(name) and (of_records or name != "level")]
    of = "".join(
        _NARROWING[name].format(thing=_thing(answer, name), value=printable(answer.texts[name])) for name in narrowed
    )
    if answer.from_ns and "since" in answer.texts:
        return (
            f"No {noun}{of} between {answer.head['from']} and {answer.head['to']}. "
            f"Without --since, {command} shows everything."
        )
    if "until" in answer.texts:
        return f"No {noun}{of} before {answer.head['to']}. Without --until, {command} shows everything until now."
    required = {parameter.name for parameter in answer.question.parameters() if parameter.required}
    if optional := [name for name in narrowed if name not in required]:
        last = optional[-1]
        every = f"every {_thing(answer, last)}" if last in {"service", "name", "stream"} else "all of them"
        return f"No {noun}{of} are stored. Without {_written(last)}, {command} shows {every}."
    if narrowed:
        return f"No {noun}{of} are stored."
    if noun not in {"calls", "spans"}:
        return f"No {noun} are stored."
    return (
        f"No {noun} are stored yet. Decorate a function with @spanhouse.capture, "
        "or point an OpenTelemetry exporter at the server."
    )


# What narrows an answer, in the order in which it is said, and how.
_NARROWING = {
    "service": " of {thing} {value}",
    "name": " of {thing} {value}",
    "stream": " of {thing} {value}",
    "trace_id": " of trace {value}",
    "span_id": " of span {value}",
    "level": " of level {value} or above",
    "text": ' with the text "{value}"',
    "filter": " that match the filter",
    "offset": " after the first {value}",
}


def _thing(answer: Answered, parameter: str) -> str:
    """What `service`, `name` or `stream` names."""
    if parameter == "name":
        return "metric" if answer.question.name in {Metrics.name, MetricPercentiles.name} else "function"
    return parameter


def _option(parameter: Parameter) -> Callable[[Command], Command]:
    says = parameter.help
    if choices := parameter.schema.get("enum"):
        says += f"  One of: {', '.join(choices)}."
    if parameter.schema.get("type") == "boolean":
        return click.option(f"--{_dashed(parameter.name)}", parameter.name, is_flag=True, help=says)
    return click.option(
        f"--{_dashed(parameter.name)}",
        parameter.name,
        metavar=_metavar(parameter),
        required=parameter.required,
        help=says + (f"  [default: {parameter.default}]" if parameter.default else ""),
        shell_complete=complete,
    )


def _metavar(parameter: Parameter) -> str:
    if parameter.name in _TIMES:
        return "TIME"
    return "NUMBER" if parameter.schema.get("type") == "integer" else parameter.name.upper()


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _written(name: str) -> str:
    return f"--{_dashed(name)}"


def _bare(positional: str) -> str:
    return f"bare_{positional}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) and value else str(value or "")


def columns_of(rows: Iterable[Row], field: str) -> list[Any]:
    """One field of every row."""
    return [row[field] for row in rows]
