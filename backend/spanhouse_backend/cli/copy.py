"""`spanhouse copy`: everything in a data directory, added to a ClickHouse server."""

import asyncio

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spanhouse_backend.cli.output import console
from spanhouse_backend.cli.setting_options import options_of, setting_texts
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.errors import SettingsError, SpanhouseError
from spanhouse_backend.namespace import kept_namespaces, parse_namespace
from spanhouse_backend.serve_settings import SERVE_SETTINGS
from spanhouse_backend.settings import read_settings

_EXAMPLES = """\b
Examples:
  spanhouse copy --to https://spans@clickhouse:8443/spanhouse --clickhouse-password-file password
  spanhouse copy --data /var/lib/spanhouse --to http://localhost:8123/spanhouse
  spanhouse copy --namespace shop --to http://localhost:8123/spanhouse        into the database spanhouse_shop
"""
_CONNECTING = tuple(setting for setting in SERVE_SETTINGS if setting.name.startswith("clickhouse-"))
_TAKEN = tuple(setting for setting in SERVE_SETTINGS if setting.name in {"data", "spool"})


@click.command(epilog=_EXAMPLES)
@click.option(
    "--to", metavar="URL", required=True, help="The ClickHouse server: http(s)://USER@HOST:PORT/DATABASE, as in serve."
)
@click.option(
    "--namespace",
    metavar="NAME",
    default="",
    help="Copy this namespace of the directory, to the database that a server with --clickhouse has it in: "
    "the URL's, _ and NAME.  [default: the one without a name]",
)
@options_of((*_TAKEN, *(setting for setting in _CONNECTING if setting.name != "clickhouse-http")))
def copy(to: str, namespace: str, **values: str | None) -> None:
    """Add everything that a data directory holds to the database of a ClickHouse server.

    No server may have the directory; the database may be in use already, by servers that store new spans in it. Each
    day of each table is compared after it arrived, and then handed over as a whole. Interrupted or run again, it goes
    on where it was. What clients left in the spool is taken in first. Namespaces are copied one at a time.
    """
    # Loading the engine takes a second, which --help need not.
    from spanhouse_backend.logs import configure_logs  # noqa: PLC0415
    from spanhouse_backend.server import copy_to  # noqa: PLC0415

    try:
        # A text that is no URL rather than none, which would mean the data directory.
        settings = read_settings(setting_texts(values) | {"clickhouse": to or "-"})
        if namespace:
            parse_namespace(namespace, "--namespace")
        configure_logs("text", "warning")
        err = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            task = progress.add_task("copy")

            def tell(table: str, rows: int, all_rows: int) -> None:
                progress.update(task, description=table, advance=rows, total=all_rows)

            copied = asyncio.run(copy_to(settings, namespace, tell))
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except SpanhouseError as error:
        raise click.ClickException(f"{error}; what was copied so far need not be copied again") from error
    print_table(
        console(),
        [
            Column("table", [one.table for one in copied], style="cyan", words=True),
            Column("rows there", [f"{one.rows:,}" for one in copied]),
            Column("from an earlier run", [f"{one.earlier_rows:,}" for one in copied]),
        ],
    )
    if not namespace and (others := kept_namespaces(settings.data)):
        click.echo(f"Not copied: the namespaces {', '.join(others)} (--namespace NAME copies one).", err=True)
