"""What a full queue costs: spans made with a receiver that never answers until the first one is dropped.

Growth of the peak of resident memory, in a process of its own; the SDK's batch processor holds the same number of spans
in a queue made long enough for them. Ours is bounded by bytes: what waits, and the requests on their way, each of which
exists as its chunks, as one request, and once more inside gRPC.
"""

import socket
from contextlib import closing

from benchmarks.exporter_programs import measure
from benchmarks.report import Row, against
from spanhouse_exporter import ExporterSettings

_COPIES = 3


def run(*, quick: bool) -> list[Row]:
    """One row."""
    del quick  # there is nothing to repeat
    settings = ExporterSettings()
    bound = settings.max_queue_bytes + settings.max_in_flight * settings.max_batch_bytes * _COPIES
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        mine = measure(endpoint, "hold", "ours", "0")
        count = str(int(mine["spans"]))
        theirs = measure(endpoint, "hold", "sdk", count, BENCH_QUEUE=count)
    return [
        Row(
            f"memory of the pipeline at a full queue: <= {_mib(settings.max_queue_bytes)} waiting and "
            f"{settings.max_in_flight} requests of {_mib(settings.max_batch_bytes)} = {_mib(bound)}",
            f"{_mib(mine['bytes'])}, {int(mine['spans']):,} spans",
            f"{_mib(theirs['bytes'])}, as many spans (SDK + batch + OTLP gRPC)",
            against(mine["bytes"], theirs["bytes"]),
            "met" if mine["bytes"] <= bound else "missed",
        )
    ]


def _mib(count: float) -> str:
    return f"{count / (1 << 20):.0f} MiB"
