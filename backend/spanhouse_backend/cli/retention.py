"""`spanhouse retention`: how long rows are kept, what each table holds, and changing it under a running server."""

from dataclasses import astuple, fields

import click
from rich.filesize import decimal
from rich.table import Table

from spanhouse_backend.admin.answers import RetentionAnswer, StoredTable
from spanhouse_backend.admin.wire import retention_document, retention_from_proto
from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask_admin, usage_error, where_options
from spanhouse_backend.cli.output import console, format_option, write_csv, write_json
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.retention import age_text, parse_retention
from spanhouse_proto.admin_pb2 import GetRetentionRequest, SetRetentionRequest

_SECOND_NS = 1_000_000_000
_EXAMPLES = """\b
Examples:
  spanhouse retention                          what is kept for how long, and how much that is
  spanhouse retention --set spans=3d           keep raw spans for three days, from now on
  spanhouse retention --set minute=90d,hour=forever --server 127.0.0.1:4317
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--set",
    "change",
    metavar="KIND=AGE,...",
    default="",
    help="Keep spans, minute, hour (rollups), logs, metrics or rejected rows for this long: 12h, 7d, 8w, 2y or "
    "forever. What is not named stays.",
)
@format_option
@where_options
def retention(change: str, form: str, where: Where) -> None:
    """Show how long rows are kept and what each table holds, or change it while spans come in."""
    if change:
        try:
            parse_retention(change)  # the server reads it again; this only tells mistakes from failures
        except InvalidQuestion as error:
            raise usage_error(InvalidQuestion("set", error.problem)) from error
        request = SetRetentionRequest(retention=change)
        message = ask_admin(where, lambda admin: admin.SetRetention(request, timeout=TIMEOUT_SECONDS))
    else:
        message = ask_admin(where, lambda admin: admin.GetRetention(GetRetentionRequest(), timeout=TIMEOUT_SECONDS))
    answer = retention_from_proto(message)
    if form == "json":
        write_json(retention_document(answer))
    elif form == "csv":
        write_csv([field.name for field in fields(StoredTable)], map(astuple, answer.tables))
    else:
        _print_table(answer)


def _print_table(answer: RetentionAnswer) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in ("rows", "kept for", "table"):
        table.add_column(header, style="cyan" if header == "rows" else "", no_wrap=True)
    for header in ("rows stored", "on disk", "oldest"):
        table.add_column(header, justify="right", no_wrap=True)
    for stored in answer.tables:
        table.add_row(
            stored.kind,
            age_text(answer.kept[stored.kind]),
            stored.name,
            f"{stored.rows:,}",
            decimal(stored.bytes_on_disk),
            iso_time(stored.oldest_unix_seconds * _SECOND_NS) if stored.rows else "",
        )
    console().print(table)
