"""`spanhouse schema`: the tables and views as SQL, for reading, or for making them on a ClickHouse server."""

import click

from spanhouse_backend.cli.client import usage_error
from spanhouse_backend.clickhouse_address import CLUSTER_NAME, DEFAULT_DATABASE
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.retention import DEFAULT_RETENTION, parse_retention, retention_text

_EXAMPLES = """\b
Examples:
  spanhouse schema
  spanhouse schema --cluster production --database otel
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
    "--cluster",
    metavar="NAME",
    default="",
    help="Those of a ClickHouse cluster of this name: replicated and sharded tables, on all of its servers.",
)
@click.option(
    "--database",
    metavar="NAME",
    default=DEFAULT_DATABASE,
    show_default=True,
    help="With --cluster: the database they are to be in.",
)
@click.option(
    "--retention",
    metavar="KIND=AGE,...",
    default="",
    help=f"How long rows are kept.  [default: {retention_text(DEFAULT_RETENTION)}]",
)
def schema(engine: str, cluster: str, database: str, retention: str) -> None:
    """Print the schema as SQL, in the order in which it is to be run."""
    try:
        change = parse_retention(retention) if retention else {}
    except InvalidQuestion as error:
        raise usage_error(error) from error
    for option, name in (("--cluster", cluster), ("--database", database)):
        if name and not CLUSTER_NAME.fullmatch(name):
            raise click.BadParameter(f"{name!r} is not a name of letters, digits and _", param_hint=option)
    # Only now, so that --help and mistakes answer without loading the engine's client.
    from spanhouse_backend.store.cluster import Cluster  # noqa: PLC0415
    from spanhouse_backend.store.ddl import ddl_script  # noqa: PLC0415

    click.echo(ddl_script(engine, change, Cluster(cluster, database) if cluster else None), nl=False)
