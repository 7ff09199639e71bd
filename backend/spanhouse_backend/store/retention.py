"""How long each table keeps its rows: what is in force, and changing it.

The tables' own TTLs are the record, so what is shown is what the engine does. Several tables keep one kind of rows; the
first of them speaks for all, because it is altered first: a change that was cut off is finished by the next one, or
when the store is next opened.
"""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from spanhouse_backend.retention import DEFAULT_RETENTION, FOREVER, Retention
from spanhouse_backend.store.schema import query_text


class KeptTable(NamedTuple):
    """A table, the kind of rows it keeps, and the column that says how old a row is."""

    name: str
    kind: str
    column: str


KEPT_TABLES = (
    KeptTable("otel_traces", "spans", "Timestamp"),
    KeptTable("otel_traces_trace_id_ts", "spans", "End"),
    KeptTable("span_durations_1m", "minute", "Time"),
    KeptTable("span_stats_1m", "minute", "Time"),
    KeptTable("span_durations_1h", "hour", "Time"),
    KeptTable("span_stats_1h", "hour", "Time"),
    KeptTable("otel_logs", "logs", "TimestampTime"),
    KeptTable("otel_metrics_gauge", "metrics", "TimeUnix"),
    KeptTable("otel_metrics_sum", "metrics", "TimeUnix"),
    KeptTable("otel_metrics_histogram", "metrics", "TimeUnix"),
    KeptTable("otel_metrics_exp_histogram", "metrics", "TimeUnix"),
    KeptTable("otel_metrics_summary", "metrics", "TimeUnix"),
    KeptTable("spanhouse_rejected", "rejected", "Time"),
)
# Enough to note the new TTL: the engine looks through the parts there are on threads of its own, inserts go on, and a
# process that ends meanwhile goes on looking when it is started again.
_DO_NOT_WAIT = {"alter_sync": 0, "mutations_sync": 0}


class Alteration(NamedTuple):
    """One statement and its parameters."""

    sql: str
    parameters: dict[str, str | int]


def alteration(table: KeptTable, seconds: int) -> Alteration:
    """What makes `table` keep its rows for so long."""
    if seconds == FOREVER:
        return Alteration(query_text("keep_forever.sql"), {"table": table.name})
    parameters: dict[str, str | int] = {"table": table.name, "column": table.column, "seconds": seconds}
    return Alteration(query_text("keep_for.sql"), parameters)


def retention_in_force(client: Client) -> Retention:
    """Seconds by kind. Raises ClickHouseError."""
    kept = _kept_for(client)
    first = {table.kind: table.name for table in reversed(KEPT_TABLES)}
    return {kind: kept.get(first[kind], FOREVER) for kind in DEFAULT_RETENTION}


def set_retention(client: Client, change: Retention) -> Retention:
    """Makes `change` hold, and what is in force hold for all tables of a kind; what is in force then.

    Raises ClickHouseError; the same change may be made again.
    """
    kept = _kept_for(client)
    wanted = {**retention_in_force(client), **change}
    for table in KEPT_TABLES:
        if kept.get(table.name, FOREVER) != wanted[table.kind]:
            sql, parameters = alteration(table, wanted[table.kind])
            client.command(sql, parameters=parameters, settings=_DO_NOT_WAIT)
    return retention_in_force(client)


def _kept_for(client: Client) -> dict[str, int]:
    return {row[0]: row[1] for row in client.query(query_text("kept_for.sql")).result_rows}
