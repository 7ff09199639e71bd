"""`spanhouse schema`: the tables and views as SQL, for reading, or for making them on a ClickHouse server."""

import click

from spanhouse_backend.cli.client import usage_error
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.retention import DEFAULT_RETENTION, parse_retention, retention_text

_EXAMPLES = """\b
Examples:
  spanhouse schema
  spanhouse schema --engine server --retention spans=7d | clickhouse-client --multiquery --database otel
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--engine",
    type=click.Choice(["embedded", "server"]),
    default="embedded",
    show_default=True,
    help="Whose tables: the embedded engine's, which the server makes by itself, or those of a ClickHouse server.",
)
@click.option(
    "--retention",
    metavar="KIND=AGE,...",
    default="",
    help=f"How long rows are kept.  [default: {retention_text(DEFAULT_RETENTION)}]",
)
def schema(engine: str, retention: str) -> None:
    """Print the schema as SQL, in the order in which it is to be run."""
    try:
        change = parse_retention(retention) if retention else {}
    except InvalidQuestion as error:
        raise usage_error(error) from error
    # Only now, so that --help and mistakes answer without loading the engine's client.
    from spanhouse_backend.store.ddl import ddl_script  # noqa: PLC0415

    click.echo(ddl_script(engine, change), nl=False)
