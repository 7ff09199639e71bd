"""How long pages of log records take over REST, wherever they are and however rare what is looked for.

Data: ten million records of eight services over three days (two million with --quick), one in a thousand an error, one
in ten thousand with the text that is looked for. Measured: medians of whole round trips over one connection to
`spanhouse serve` with its defaults, the answer read and parsed; no question names a service, by which the table is
ordered. Peer: the same page as one statement of raw SQL, which orders all records that match by time and by the hash
that tells those of one time apart.
"""

import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.query_data import make_records
from benchmarks.query_rest import round_trip_seconds
from benchmarks.report import Row, against
from benchmarks.served import Server, server
from spanhouse_backend.query.records import HASH

BUDGET_SHARE = 1 / 2
_LIMIT = 50


class Page(NamedTuple):
    """A page in words, as a question's parameters, and as raw SQL's condition."""

    what: str
    parameters: dict[str, str]
    where: str = "1"


def run(*, quick: bool) -> list[Row]:
    """A row for each page."""
    records, repeats = (2_000_000, 3) if quick else (10_000_000, 15)
    pages = (
        Page("the newest", {}),
        Page("errors, one in a thousand", {"level": "error"}, "SeverityNumber >= 17"),
        Page("a text, one in ten thousand", {"text": "connection REFUSED"}, "Body ILIKE '%connection refused%'"),
        Page("an attribute, one in three", {"filter": "attr.user.tier=gold"}, "LogAttributes['user.tier'] = 'gold'"),
    )
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        make_records(data, records, time.time_ns())
        with server(data) as served:
            return [_row(served, page, records, repeats) for page in pages]


def _row(served: Server, page: Page, records: int, repeats: int) -> Row:
    ours = round_trip_seconds(served, "logs", {"limit": str(_LIMIT), **page.parameters}, repeats)
    ordered = _sql_seconds(
        served,
        f"SELECT *, {HASH.sql} AS hash FROM otel_logs WHERE {page.where} "  # texts of this file
        f"ORDER BY Timestamp DESC, hash DESC LIMIT {_LIMIT}",
        max(3, repeats // 5),
    )
    return Row(
        f"page of {records:,} log records, {page.what}: <= 1/2 of ordering all that match",
        f"{ours * 1000:.0f} ms",
        f"{ordered * 1000:.0f} ms (raw SQL)",
        against(ours, ordered),
        "met" if ours <= ordered * BUDGET_SHARE else "missed",
    )


def _sql_seconds(served: Server, sql: str, repeats: int) -> float:
    """The median round trip of a statement, after one that is not counted. Raises what a refusal says."""
    connection = http.client.HTTPConnection(served.http, timeout=120)
    taken = []
    for number in range(repeats + 1):
        begun = time.perf_counter()
        connection.request("POST", "/api/v1/sql", sql.encode())
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:  # what HTTP calls OK
            raise RuntimeError(body.decode())
        json.loads(body)
        if number:
            taken.append(time.perf_counter() - begun)
    connection.close()
    return statistics.median(taken)
