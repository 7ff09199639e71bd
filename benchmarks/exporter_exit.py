"""How long a process with 2,048 pending spans takes to end when nobody takes them, and what becomes of the spans.

Two ways to be away: connections refused, and connections that are accepted by the machine and never answered. From the
program's last statement to the end of its process, the worst of several runs; the spans are counted in the spool.
"""

import socket
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.exporter_programs import measure
from benchmarks.report import Row
from spanhouse_exporter.spool import Spool

BUDGET_SECONDS, SPANS = 1.0, 2048


def _ours(endpoint: str) -> tuple[float, int]:
    """(seconds, spans in the spool)"""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(endpoint, "leave", "ours", SPANHOUSE_SPOOL=folder)
        kept = sum(entry.item_count for entry in Spool(Path(folder), 1 << 30).entries())
    return found["ended"] - found["at"], kept


def run(*, quick: bool) -> list[Row]:
    """One row for each way to be away."""
    rows = []
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for how in ("refused", "not answered"):
            if how == "not answered":
                silent.listen()
            seen = [_ours(endpoint) for _ in range(3 if quick else 10)]
            worst, kept = max(seconds for seconds, _kept in seen), min(kept for _seconds, kept in seen)
            peer = measure(endpoint, "leave", "sdk") if not quick or how == "refused" else {}
            theirs = peer["ended"] - peer["at"] if peer else 0.0
            rows.append(
                Row(
                    f"exit with {SPANS:,} spans pending, connections {how}: <= {BUDGET_SECONDS:g} s, 0 lost",
                    f"{worst:.2f} s, {kept:,} in the spool",
                    f"{theirs:.1f} s, all lost (SDK + batch + OTLP gRPC)" if peer else "not measured in a quick run",
                    f"1/{theirs / worst:.0f}" if peer else "",
                    "met" if worst <= BUDGET_SECONDS and kept == SPANS else "missed",
                )
            )
    return rows
