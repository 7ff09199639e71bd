"""Sustained ingest of OTLP logs, acknowledged after commit.

Data: 512-record requests of records with a text body, ids and five attributes, of one service; a hundred different
requests, each time made another one by a number in a field that OTLP does not name. Measured: `spanhouse serve` with
its defaults, four client processes with 32 requests in flight each, records acknowledged per second of wall time; the
load generators share the machine's cores.
"""

import random
import tempfile
import time
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from benchmarks.otlp_load import SPANS_PER_REQUEST as RECORDS_PER_REQUEST
from benchmarks.report import Row
from benchmarks.served import saturate, server

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
BUDGET_RECORDS_PER_SECOND = 100_000
_INFO = 9


def run(*, quick: bool) -> list[Row]:
    """One row."""
    requests = [_request(random.Random(seed)) for seed in range(100)]
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "served") as served:
        rate = saturate(served.grpc, requests, 5.0 if quick else 20.0, EXPORT)
        highest = served.memory_bytes("VmHWM")
    return [
        Row(
            f"ingest of logs: >= {BUDGET_RECORDS_PER_SECOND:,} records/s",
            f"{rate:,.0f} records/s",
            "",
            f"{highest / 1e6:,.0f} MB at most",
            "met" if rate >= BUDGET_RECORDS_PER_SECOND else "missed",
        )
    ]


def _request(chance: random.Random) -> bytes:
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    for key, value in (("service.name", "checkout"), ("host.name", "host-1"), ("telemetry.sdk.language", "python")):
        resource_logs.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "shop.checkout"
    now = time.time_ns()
    for _ in range(RECORDS_PER_REQUEST):
        made = now - chance.randrange(60_000_000_000)
        text = f"order {chance.randrange(10**6)} of user {chance.randrange(10**5)} took {chance.random():.3f} s"
        values = {
            "code.function.name": AnyValue(string_value=f"shop.checkout.function_{chance.randrange(200)}"),
            "code.file.path": AnyValue(string_value="/srv/shop/checkout.py"),
            "code.line.number": AnyValue(int_value=chance.randrange(2000)),
            "user.tier": AnyValue(string_value=chance.choice(["gold", "silver", "free"])),
            "cache.hit": AnyValue(bool_value=chance.random() < 0.5),
        }
        scope_logs.log_records.append(
            LogRecord(
                time_unix_nano=made,
                observed_time_unix_nano=made,
                severity_number=_INFO,
                severity_text="INFO",
                body=AnyValue(string_value=text),
                trace_id=chance.randbytes(16),
                span_id=chance.randbytes(8),
                flags=1,
                attributes=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )
    return message.SerializeToString()
