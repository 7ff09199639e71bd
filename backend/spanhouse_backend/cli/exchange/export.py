"""`spanhouse export`: spans into a file, as Parquet or as OTLP."""

from collections.abc import Iterator
from pathlib import Path

import click

from spanhouse_backend.cli.asking import Row, Texts, every_row, question_options
from spanhouse_backend.cli.client import Where, ask, where_options
from spanhouse_backend.cli.exchange.otlp_lines import line, requests
from spanhouse_backend.cli.exchange.parquet import ParquetError, write_parquet
from spanhouse_backend.cli.files import refuse_to_overwrite, target
from spanhouse_backend.cli.output import count
from spanhouse_backend.query.questions.spans import Spans
from spanhouse_proto.query_pb2_grpc import QueryStub

_EXAMPLES = """\b
Examples:
  spanhouse export spans.parquet --since 1d
  spanhouse export errors.jsonl --filter status=error
  spanhouse export - --service checkout | gzip > checkout.jsonl.gz
"""


@click.command(epilog=_EXAMPLES)
@click.argument("file")
@question_options(Spans, without=frozenset({"order", "cursor", "limit"}))
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@where_options
def export(file: str, texts: Texts, where: Where, *, force: bool) -> None:
    """Write the spans of a window that match a filter into FILE, in order of time.

    A name that ends in .parquet makes a Parquet file with the columns of the table otel_traces. Any other, and - for
    standard output, makes OTLP in its JSON encoding, a request a line, as the OpenTelemetry Collector's file exporter
    does.
    """
    path = Path(file)
    refuse_to_overwrite(file, force=force)
    written = 0

    def call(query: QueryStub) -> None:
        def counted(rows: Iterator[Row]) -> Iterator[Row]:
            nonlocal written
            for written, row in enumerate(rows, 1):  # noqa: B007 - the number is what is wanted
                yield row

        rows = counted(every_row(query, Spans, {**texts, "order": "oldest"})[1])
        with target(file) as opened:
            if path.suffix == ".parquet":
                write_parquet(rows, opened)
            else:
                opened.writelines(map(line, requests(rows)))

    try:
        ask(where, call)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # | head
            raise
        raise click.ClickException(f"cannot write {file}: {error.strerror or error}") from error
    except ParquetError as error:
        raise click.ClickException(f"cannot write {file}: {error}") from error
    click.echo(f"Exported {count(written, 'span')} to {file}.", err=True)
