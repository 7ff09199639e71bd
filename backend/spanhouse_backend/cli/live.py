"""Answers refreshed in place, on a terminal, until interrupted; the last one is left on the screen.

Every refresh is a question of its own, so a data directory that is read without a server is free in between, and a
server that goes away ends it with the message that any command would give.
"""

import functools
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from spanhouse_backend.cli.asking import Answered, Asked, Texts, show, whole
from spanhouse_backend.cli.client import Where
from spanhouse_backend.cli.output import console

Command = TypeVar("Command", bound=Callable[..., Any])
_EVERY_SECONDS = 2.0


def live_options(command: Command) -> Command:
    """Adds --live and --every, which `command` is given as one `every`: seconds, None without --live."""

    @functools.wraps(command)
    def with_every(*args: Any, live: bool, every: float, **others: Any) -> Any:
        if live and (others["form"] != "table" or not sys.stdout.isatty()):
            raise click.UsageError("--live refreshes a table on a terminal: leave it out for anything else")
        return command(*args, every=every if live else None, **others)

    live_option = click.option("--live", is_flag=True, help="Refresh in place until interrupted.")
    every_option = click.option(
        "--every",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 3600),
        default=_EVERY_SECONDS,
        show_default=True,
        help="How long to wait between refreshes with --live.",
    )
    return cast("Command", live_option(every_option(with_every)))


def refreshed(
    every: float, where: Where, asked: Asked, texts: Texts, table: Callable[[Answered, Console], None], noun: str
) -> None:
    """Shows the answer again every so many seconds, until interrupted."""
    # Of its own: what is printed on the console of a Live is printed above it.
    page = console()
    # rich's own thread would only draw the same again.
    with Live(console=console(), auto_refresh=False, vertical_overflow="crop") as live, suppress(KeyboardInterrupt):
        while True:
            answer = whole(where, asked, texts)
            where = where._replace(said=True)
            with page.capture() as captured:
                show(answer, table, noun, page)
            live.update(Text.from_ansi(captured.get().rstrip("\n")), refresh=True)
            time.sleep(every)
