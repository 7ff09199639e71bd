"""`spanhouse sql`: one statement of ClickHouse's SQL."""

import json
import sys
from collections.abc import Iterator

import click
import grpc

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, call, where_options
from spanhouse_backend.cli.output import console, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_proto.sql_pb2 import SqlRequest, SqlResponse
from spanhouse_proto.sql_pb2_grpc import SqlStub

_EXAMPLES = """\b
Examples:
  spanhouse sql "SELECT SpanName, quantile(0.99)(Duration) / 1e6 AS p99_ms FROM otel_traces GROUP BY SpanName"
  spanhouse sql "SELECT count() FROM otel_traces WHERE ServiceName = {service:String}" --param service=checkout
  echo "SHOW TABLES" | spanhouse sql --format csv
"""
# What our formats are called by ClickHouse; its other names are taken as they are.
_FORMATS = {"table": "JSONCompact", "json": "JSON", "csv": "CSVWithNames"}
# Somewhat longer than a statement may take by default, so that the server's own message arrives.
_TIMEOUT_SECONDS = TIMEOUT_SECONDS + 5


def _parameter(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    parameters = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        parameters[name] = text
    return parameters


@click.command(epilog=_EXAMPLES)
@click.argument("statement", default="-")
@click.option(
    "--param",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_parameter,
    help="The value of a placeholder {NAME:Type}. May be repeated.",
)
@click.option(
    "--format",
    "form",
    metavar="[table|json|csv|...]",
    default="table",
    show_default=True,
    help="A table for people; JSON, CSV or any of ClickHouse's formats (JSONEachRow, Parquet, ..) for programs.",
)
@where_options
def sql(statement: str, parameters: dict[str, str], form: str, where: Where) -> None:
    """Run one STATEMENT of ClickHouse's SQL, or what is piped in: SELECT, SHOW, DESCRIBE or EXPLAIN.

    It reads and never writes; where there are tokens it needs the role sql. The tables are described in docs/schema.md.
    """
    text = sys.stdin.read() if statement == "-" else statement
    request = SqlRequest(statement=text, parameters=parameters, format=_FORMATS.get(form, form))

    def run(channel: grpc.Channel) -> bytes:
        """The whole answer when it is for a table; else it is written as it comes."""
        answer = SqlStub(channel).Run(request, timeout=_TIMEOUT_SECONDS)
        first = next(answer)
        if form == "table" and first.format == _FORMATS["table"]:
            return first.body + b"".join(piece.body for piece in answer)
        _write(first, answer)
        return b""

    if body := call(where, run):
        _print(json.loads(body))


def _write(first: SqlResponse, others: Iterator[SqlResponse]) -> None:
    out = sys.stdout.buffer
    out.write(first.body)
    for piece in others:
        out.write(piece.body)
    out.flush()


def _print(document: dict[str, list[object]]) -> None:
    columns = [(str(column["name"]), str(column["type"])) for column in document["meta"]]  # type: ignore[index]
    rows: list[list[object]] = document["data"]  # type: ignore[assignment]
    print_table(
        console(),
        [
            Column(printable(name), [_cell(row[index]) for row in rows], words=not _number(kind), least=12)
            for index, (name, kind) in enumerate(columns)
        ],
    )


def _number(kind: str) -> bool:
    bare = kind.removeprefix("Nullable(").removeprefix("LowCardinality(")
    return bare.startswith(("Int", "UInt", "Float", "Decimal"))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
