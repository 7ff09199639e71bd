"""Sustained ingest of log records as NDJSON, acknowledged after commit.

Data: bodies of 5,000 lines, each the JSON of a `logging.LogRecord` with a message and three extras as a JSON handler
writes it (600 bytes); the times move on from body to body, so that each is another request. Measured: `spanhouse serve`
with its defaults, two client processes that post one body after the other over eight connections each, records
acknowledged per second of wall time; the load generators share the machine's cores.
"""

import contextlib
import http.client
import itertools
import json
import logging
import multiprocessing
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.report import Row
from benchmarks.served import server

BUDGET_RECORDS_PER_SECOND = 30_000
RECORDS_PER_BODY = 5000
CLIENTS = 2
CONNECTIONS = 8
_TIMEOUT_SECONDS = 60
# In place of a body's times; as long as they are.
_TIME = b"1111111111.111111"


def run(*, quick: bool) -> list[Row]:
    """One row."""
    seconds = 5.0 if quick else 20.0
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "served") as served:
        jobs = [(served.http, seed, seconds) for seed in range(CLIENTS)]
        with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
            acknowledged = sum(pool.starmap(_client, jobs))
        highest = served.memory_bytes("VmHWM")
    rate = acknowledged / seconds
    return [
        Row(
            f"ingest of NDJSON: >= {BUDGET_RECORDS_PER_SECOND:,} records/s",
            f"{rate:,.0f} records/s",
            "",
            f"{highest / 1e6:,.0f} MB at most",
            "met" if rate >= BUDGET_RECORDS_PER_SECOND else "missed",
        )
    ]


def _client(address: str, seed: int, seconds: float) -> int:
    """How many records were acknowledged within `seconds`."""
    body = _body(random.Random(seed))
    numbers = itertools.count(seed, CLIENTS)

    def post(connection: http.client.HTTPConnection) -> None:
        now = b"%.6f" % (time.time() - next(numbers) / 1e6)
        headers = {"Content-Type": "application/x-ndjson"}
        connection.request("POST", "/api/v1/record", body.replace(_TIME, now), headers)
        answer = json.loads(connection.getresponse().read())
        if answer.get("taken") != RECORDS_PER_BODY:
            raise RuntimeError(f"not all were taken: {answer}")

    def post_on(connection: http.client.HTTPConnection, until: float) -> int:
        acknowledged = 0
        with contextlib.closing(connection):
            while True:
                post(connection)
                if time.perf_counter() > until:
                    return acknowledged
                acknowledged += RECORDS_PER_BODY

    connections = [http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS) for _ in range(CONNECTIONS)]
    post(connections[0])  # the first insert compiles what later ones reuse
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return sum(pool.map(post_on, connections, itertools.repeat(until)))


def _body(chance: random.Random) -> bytes:
    return b"\n".join(_line(chance) for _ in range(RECORDS_PER_BODY))


def _line(chance: random.Random) -> bytes:
    template = "order %d of user %d took %.3f s"
    args = (chance.randrange(10**6), chance.randrange(10**5), chance.random())
    function = f"function_{chance.randrange(200)}"
    record = logging.LogRecord(
        "shop.checkout", logging.INFO, "/srv/shop/checkout.py", chance.randrange(2000), template, args, None, function
    )
    record.message = record.getMessage()
    extras = {
        "user": args[1],
        "user.tier": chance.choice(["gold", "silver", "free"]),
        "cache.hit": chance.random() < 0.5,
    }
    fields = {**vars(record), **extras, "created": float(_TIME)}
    return json.dumps(fields).encode()
