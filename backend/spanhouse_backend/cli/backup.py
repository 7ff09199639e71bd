"""`spanhouse backup` and `spanhouse restore`: everything that is stored, in one file, and a data directory again."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from spanhouse_backend.cli.client import Where, ask_admin, where_options
from spanhouse_backend.cli.files import refuse_to_overwrite, target
from spanhouse_backend.cli.output import count
from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.settings import read_settings
from spanhouse_proto.admin_pb2 import BackupRequest
from spanhouse_proto.admin_pb2_grpc import AdminStub

_BACKUP_EXAMPLES = """\b
Examples:
  spanhouse backup monday.tar                          of the server that runs here, while spans come in
  spanhouse backup - --server https://spans:4317 > monday.tar
"""
_RESTORE_EXAMPLES = """\b
Examples:
  spanhouse restore monday.tar --data restored
  gzip -dc monday.tar.gz | spanhouse restore - --data restored
  spanhouse serve --data restored
"""


@click.command(epilog=_BACKUP_EXAMPLES)
@click.argument("file")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@where_options
def backup(file: str, where: Where, *, force: bool) -> None:
    """Write everything that is stored at this moment into FILE, a tar archive, or to standard output (-).

    A server that runs goes on taking spans and answering: inserts wait for some milliseconds, not for the copying.
    Where the data is in a ClickHouse server, use that one's own BACKUP.
    """
    refuse_to_overwrite(file, force=force)
    written = 0

    def fetch(admin: AdminStub) -> None:
        nonlocal written
        # No deadline: it takes as long as there is something to copy.
        pieces = admin.Backup(BackupRequest())
        # Nothing is written before the server has agreed.
        size_bytes = next(iter(pieces)).size_bytes
        with target(file) as opened, _progress("backup", size_bytes) as tell:
            for message in pieces:
                opened.write(message.piece)
                written += len(message.piece)
                tell(written)

    try:
        ask_admin(where, fetch)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise click.ClickException(f"cannot write {file}: {error.strerror or error}") from error
    click.echo(f"Wrote {decimal(written)} to {file}.", err=True)


@click.command(epilog=_RESTORE_EXAMPLES)
@click.argument("file")
@click.option(
    "--data",
    metavar="DIR",
    envvar="SPANHOUSE_DATA",
    show_envvar=True,
    help="The data directory to make; there must be none yet, or an empty one.  "
    "[default: the one `spanhouse serve` uses]",
)
def restore(file: str, data: str | None) -> None:
    """Make a data directory of FILE, an archive of `spanhouse backup`, or of standard input (-).

    Every file is checked. The directory is there when all of it is, or not at all; then start a server on it. An
    archive of an earlier version is brought up to date by that server.
    """
    directory = read_settings({"data": data or ""}).data
    # Loading the engine takes a second, which --help need not.
    from spanhouse_backend.store.backup.restore import restore as restore_archive  # noqa: PLC0415

    try:
        with _source(file) as opened, _progress("restore") as tell:
            tables = restore_archive(opened, directory, tell)
    except (OSError, StoreUnusable) as error:
        problem = f"cannot read {file}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
        raise click.ClickException(problem) from error
    spans = sum(table.rows for table in tables if table.name == "otel_traces")
    click.echo(f"Restored {count(spans, 'span')} and {count(len(tables) - 1, 'other table')} to {directory}.", err=True)


@contextlib.contextmanager
def _source(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as opened:
        yield opened


@contextlib.contextmanager
def _progress(what: str, size_bytes: int | None = None) -> Iterator[Callable[..., None]]:
    """What is told how many bytes are done (and, where that is known later, of how many); a bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=size_bytes)
        yield lambda done, size=size_bytes: progress.update(task, completed=done, total=size)
