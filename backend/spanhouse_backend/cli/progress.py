"""The line under the log while `spanhouse serve` runs on a terminal: what comes in, what waits, what is stored.

One line, refreshed in place once a second and gone when the server stops. rich moves log lines above it. Nothing of it
is written when standard error is no terminal, or one that cannot go back to the start of a line.
"""

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.text import Text

from spanhouse_backend.cli.output import duration
from spanhouse_backend.metrics import Figures

_SECOND_NS = 1_000_000_000
_KIB = 1024
_RECORDS = {"traces": "spans", "logs": "log records", "metrics": "data points"}


class Progress:
    """Shows what `figures` says, from `start` to `stop`.

    rich refreshes from a thread of its own, which reads numbers and waits for nobody but the terminal; `stop` ends it
    and waits for it.
    """

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures
        self._console = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._seen_at = time.monotonic()
        self._seen: Mapping[str, int] = {}
        self._per_second: dict[str, float] = {}

    def start(self) -> None:
        """Draws the line, if there is a terminal to draw it on."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(get_renderable=self._line, console=self._console, refresh_per_second=1, transient=True)
            self._live.start()

    def stop(self) -> None:
        """Takes the line away."""
        if self._live is not None:
            self._live.stop()

    def _line(self) -> Text:
        now, figures = time.monotonic(), self._figures()
        if now - self._seen_at >= 1:  # log lines redraw it too
            self._per_second = {
                signal: (count - self._seen.get(signal, 0)) / (now - self._seen_at)
                for signal, count in figures.stored.items()
            }
            self._seen_at, self._seen = now, figures.stored
        return Text(progress_line(figures, self._per_second), no_wrap=True, overflow="ellipsis", style="dim")


def progress_line(figures: Figures, per_second: Mapping[str, float]) -> str:
    """The line's text: `1,200 spans/s · 5,000,000 stored · 12 KiB waiting · last insert 45ms · 3 rejected`.

    Rates are by signal; other signals than traces are named once something of them is stored.
    """
    parts: list[str] = []
    for signal, words in _RECORDS.items():
        if signal == "traces" or figures.stored.get(signal):
            parts.append(f"{per_second.get(signal, 0):,.0f} {words}/s")
            parts.append(f"{figures.stored.get(signal, 0):,} stored")
    parts.append(f"{figures.waiting_bytes / _KIB:,.0f} KiB waiting")
    if figures.last_insert_seconds:
        parts.append(f"last insert {duration(figures.last_insert_seconds * _SECOND_NS)}")
    if figures.rejected:
        parts.append(f"{figures.rejected:,} rejected")
    if not figures.ready:
        parts.insert(0, "NOTHING CAN BE STORED")
    return " · ".join(parts)
