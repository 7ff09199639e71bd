"""How large the machines for a load have to be: a few measured costs and the arithmetic between them.

What a span costs in processor time and on disk was measured on one machine (docs/operations.md says how), and so was
what the rollups weigh. A cluster's figures are computed from these, not measured: what is inserted is divided between
the replicas of a shard, and each of them merges all of it. The result is a start, to be held against /metrics and
`spanhouse retention` once spans come in.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.retention import DEFAULT_RETENTION, FOREVER, Retention

# Processor time of the server for a span of five attributes in requests of 512, in microseconds: the engine's inserts,
# its merges in the background, and what receives and frames requests.
INSERT_US, MERGE_US, RECEIVE_US = 11.2, 7.5, 4.3
# One server was never seen to acknowledge more, on two cores that it shared with its load.
SERVER_SPANS_PER_SECOND = 90_000
# What a span of five attributes weighs after merges, with its part of otel_traces_trace_id_ts at four spans a trace.
SPAN_BYTES = 54.0
# A row of span_durations_* and one of span_stats_*.
BUCKET_ROW_BYTES, STATS_ROW_BYTES = 4.3, 40.0
# Calls that fail have rows of their own.
FAILED = 0.01
# How durations of one function are spread: lognormal with a standard deviation of 1.5 (half of the calls within a
# factor of 2.7 of the median), in buckets of the rollups, of which there are 64 to a doubling.
BUCKETS_DEVIATION = 1.5 / math.log(2) * 64
_DEVIATIONS = 6
# Room for peaks on processors, and on disks for merges, backups and what is not ours.
BUSY, FULL = 0.6, 0.7
_SECONDS = {"minute": 60, "hour": 3600}


@dataclass(frozen=True)
class Load:
    """What comes in, and what of it is kept: spans a second, how many functions they are of, seconds by kind."""

    spans_per_second: float
    functions: int
    retention: Retention
    span_bytes: float = SPAN_BYTES


@dataclass(frozen=True)
class Machine:
    """One machine that stores: its cores, its disk in bytes, and in how many such machines each span is kept."""

    cores: int
    disk_bytes: float
    replicas: int


class Disk(NamedTuple):
    """Bytes on disk of one copy of everything, by kind."""

    spans: float
    minute: float
    hour: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


class Cluster(NamedTuple):
    """A ClickHouse cluster for the load, and the servers of spanhouse in front of it."""

    shards: int
    machines: int
    busy: float
    """Share of each machine's cores that is used."""
    full: float
    """Share of each machine's disk that is used."""
    servers: int
    server_cores: float
    """Cores that one server of spanhouse uses."""


class Plan(NamedTuple):
    """What the load takes. `cores` are those that one server with its embedded engine keeps busy."""

    disk: Disk
    cores: float
    one_server: bool
    """Whether one such server on the machine that was given is enough."""
    why_not: tuple[str, ...]
    cluster: Cluster


def plan(load: Load, machine: Machine) -> Plan:
    """What `load` takes on machines like this one.

    Raises InvalidQuestion naming the option when a number is not positive, or something is kept for ever, which has no
    size.
    """
    _require(load, machine)
    disk = _disk(load)
    cores = load.spans_per_second * (INSERT_US + MERGE_US + RECEIVE_US) / 1e6
    why_not = []
    if load.spans_per_second > SERVER_SPANS_PER_SECOND:
        why_not.append(f"one server was not seen to take more than {SERVER_SPANS_PER_SECOND:,} spans/s")
    if cores > machine.cores * BUSY:
        why_not.append(f"{cores:.1f} cores would be busy, of {machine.cores}")
    if disk.total > machine.disk_bytes * FULL:
        why_not.append("its disk is too small")
    return Plan(disk, cores, not why_not, tuple(why_not), _cluster(load, machine, disk.total))


def _cluster(load: Load, machine: Machine, disk_bytes: float) -> Cluster:
    """Shards enough for the processors and for the disks, and a server of spanhouse more than the load needs."""
    cores = load.spans_per_second * (INSERT_US / machine.replicas + MERGE_US) / 1e6
    shards = max(
        1,
        math.ceil(cores / (machine.cores * BUSY)),
        math.ceil(disk_bytes / (machine.disk_bytes * FULL)),
    )
    servers = math.ceil(load.spans_per_second / SERVER_SPANS_PER_SECOND) + 1
    return Cluster(
        shards=shards,
        machines=shards * machine.replicas,
        busy=cores / shards / machine.cores,
        full=disk_bytes / shards / machine.disk_bytes,
        servers=servers,
        server_cores=load.spans_per_second / servers * RECEIVE_US / 1e6,
    )


def _disk(load: Load) -> Disk:
    kept = {**DEFAULT_RETENTION, **load.retention}
    rollups = {}
    for kind, seconds in _SECONDS.items():
        calls = load.spans_per_second / load.functions * seconds
        each = sum(
            buckets(calls * share) * BUCKET_ROW_BYTES - math.expm1(-calls * share) * STATS_ROW_BYTES
            for share in (1 - FAILED, FAILED)
        )
        rollups[kind] = load.functions * kept[kind] / seconds * each
    return Disk(load.spans_per_second * kept["spans"] * load.span_bytes, rollups["minute"], rollups["hour"])


def buckets(calls: float) -> float:
    """How many buckets of the rollups this many calls of one function are expected to fall into.

    Of each bucket the chance that at least one call does, 1 - exp(-calls * p), added up.
    """
    reach = math.ceil(_DEVIATIONS * BUCKETS_DEVIATION)
    density = calls / (BUCKETS_DEVIATION * math.sqrt(2 * math.pi))
    expected = (density * math.exp(-((bucket / BUCKETS_DEVIATION) ** 2) / 2) for bucket in range(-reach, reach + 1))
    return sum(-math.expm1(-calls_there) for calls_there in expected)


def _require(load: Load, machine: Machine) -> None:
    for option, value in (
        ("spans-per-second", load.spans_per_second),
        ("functions", load.functions),
        ("bytes-per-span", load.span_bytes),
        ("cores", machine.cores),
        ("disk", machine.disk_bytes),
        ("replicas", machine.replicas),
    ):
        if not 0 < value < math.inf:
            raise InvalidQuestion(option, f"{value:g} is not a positive number")
    for kind, seconds in load.retention.items():
        if seconds == FOREVER:
            raise InvalidQuestion("retention", f"{kind}=forever has no size: give an age, such as {kind}=1y")
