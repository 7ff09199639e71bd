"""The schema for a cluster: every statement in the engine's own grammar, and run, as far as one engine can.

There is no cluster here, and no Keeper: that replicas agree and that shards answer together is ClickHouse's to do.
"""

import re

import pytest
from click.testing import CliRunner
from store_processes import run

from spanhouse_backend.cli import cli
from spanhouse_backend.store.cluster import Cluster
from spanhouse_backend.store.ddl import ddl_statements
from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.migrations import MIGRATIONS
from spanhouse_backend.store.schema import query_text, statements

CLUSTER = Cluster("production", "otel")
SHARDED = {"otel_traces", "otel_traces_trace_id_ts", "span_durations_1m", "span_durations_1h"}
SHARDED |= {"span_stats_1m", "span_stats_1h", "otel_logs"}
METRICS = {f"otel_metrics_{kind}" for kind in ("gauge", "sum", "histogram", "exp_histogram", "summary")}
SHARDED |= METRICS
# What records go to their shards by, other than the trace.
KEYS = {"otel_logs": "cityHash64(if(TraceId = '', Body, TraceId))"}
KEYS |= dict.fromkeys(METRICS, "cityHash64(ServiceName, MetricName, Attributes)")


def rendered() -> dict[str, str]:
    """What makes each table and view, by its name on the cluster."""
    made = {}
    for statement in statements():
        for sql in CLUSTER.statements(statement.sql):
            match = re.search(
                r"^CREATE (?:TABLE|MATERIALIZED VIEW) IF NOT EXISTS (\w+) ON CLUSTER 'production'", sql, re.MULTILINE
            )
            assert match, sql
            made[match[1]] = sql
    return made


def test_the_engines_parser_takes_every_statement(tmp_path):
    """The whole script, what alters and drops tables, what kills queries, and every migration."""
    others = {
        "drop_table.sql": {"table": "otlp_spans"},
        "mark_table.sql": {"table": "otlp_spans", "mark": "spanhouse 1"},
        "keep_for.sql": {"table": "otel_traces_local", "column": "Timestamp", "seconds": 60},
        "keep_forever.sql": {"table": "otel_traces_local"},
        "drop_inflight.sql": {"partition": "202601"},
        "create_database.sql": {"database": "otel"},
    }
    texts = ddl_statements({}, CLUSTER)[:-1]  # the last one notes the version, as everywhere
    texts += [written_out(CLUSTER.statements(query_text(name))[0], given) for name, given in others.items()]
    texts += [one for step in MIGRATIONS for sql in step.statements for one in CLUSTER.statements(sql)]
    texts += CLUSTER.statements("DELETE FROM otel_traces WHERE Duration = 1")
    texts += CLUSTER.statements("KILL QUERY WHERE query_id = 'x' ASYNC")
    assert all("ON CLUSTER 'production'" in text for text in texts)
    (tmp_path / "texts").write_text("\0".join(texts))
    code = """
client = engine()
trees = [client.command("EXPLAIN AST " + sql) for sql in pathlib.Path(arguments[0]).read_text().split("\\0")]
say(parsed=sum(bool(tree) for tree in trees))
client.close()
"""
    assert run(code, tmp_path / "data", str(tmp_path / "texts"))["parsed"] == len(texts)


def test_stock_names_are_distributed_over_replicated_tables_and_traces_stay_together():
    made = rendered()
    for name in SHARDED:
        local, distributed = made[f"{name}_local"], made[name]
        assert re.search(
            rf"^ENGINE = Replicated\w*MergeTree\('/clickhouse/tables/{{shard}}/otel/{name}_local', '{{replica}}'",
            local,
            re.MULTILINE,
        )
        assert "non_replicated" not in local
        assert "replicated_deduplication_window = 10000" in local
        key = f", {KEYS.get(name, 'cityHash64(TraceId)')}" if name.startswith("otel_") else ""
        assert distributed.endswith(
            f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER 'production' AS {name}_local\n"
            f"ENGINE = Distributed('production', 'otel', '{name}_local'{key})\n"
        )
    assert {name for name, sql in made.items() if "ENGINE = Distributed" in sql} == SHARDED
    assert "'{replica}', (Calls, DurationSum))" in made["span_durations_1m_local"]


def test_what_we_note_for_ourselves_has_a_replica_on_every_machine():
    """Not one for each shard: whoever asks one machine must hear of everything."""
    made = rendered()
    own = {name: sql for name, sql in made.items() if name.startswith("spanhouse_") and not name.endswith("_mv")}
    assert own.keys() >= {"spanhouse_batches", "spanhouse_inflight", "spanhouse_migrations", "spanhouse_rejected"}
    for name, sql in own.items():
        path = f"'/clickhouse/tables/everywhere/otel/{name}', '{{shard}}-{{replica}}'"
        assert re.search(rf"^ENGINE = Replicated\w*MergeTree\({re.escape(path)}", sql, re.MULTILINE), sql


@pytest.mark.parametrize(
    ("view", "target", "source"),
    [
        ("otlp_spans_mv", "otlp_spans", "otlp_traces_landing"),
        ("otel_traces_mv", "otel_traces", "otlp_spans"),
        ("spanhouse_rejected_mv", "spanhouse_rejected", "otlp_spans"),
        ("otlp_logs_mv", "otlp_logs", "otlp_logs_landing"),
        ("otel_logs_mv", "otel_logs", "otlp_logs"),
        ("otel_traces_trace_id_ts_mv", "otel_traces_trace_id_ts_local", "otel_traces_local"),
        ("span_durations_1m_mv", "span_durations_1m_local", "otel_traces_local"),
        ("span_durations_1h_mv", "span_durations_1h_local", "span_durations_1m_local"),
        ("span_stats_1m_mv", "span_stats_1m_local", "otel_traces_local"),
        ("span_stats_1h_mv", "span_stats_1h_local", "span_stats_1m_local"),
    ],
)
def test_a_machine_decodes_for_all_shards_and_a_shard_rolls_up_its_own(view, target, source):
    """Through the Distributed table exactly once: a view on a shard that wrote to a stock name would go round again."""
    sql = rendered()[view]
    assert f"{view} ON CLUSTER 'production' TO {target} AS" in sql
    assert re.search(rf"^\s*FROM {source}$", sql, re.MULTILINE)


# In place of what needs a cluster: a table that is not replicated, and one that hands on to the local one.
ALONE = """
import re
client = engine()
client.command("SET allow_experimental_alias_table_engine = 1")
for sql in pathlib.Path(arguments[0]).read_text().split("\\0"):
    sql = sql.replace(" ON CLUSTER 'production'", "").replace("'otel'", "'default'")
    sql = re.sub(r"ENGINE = Replicated(\\w+)\\('[^']*', '[^']*'(?:, )?", r"ENGINE = \\1(", sql)
    sql = re.sub(r"replicated_deduplication_window_seconds = \\d+", "merge_with_ttl_timeout = 600", sql)
    sql = sql.replace("replicated_deduplication_window", "non_replicated_deduplication_window")
    sql = re.sub(r"AS (\\w+)\\nENGINE = Distributed\\(.*\\)", r"ENGINE = Alias('default', '\\1')", sql)
    client.command(sql)
from spanhouse_backend.store.schema import landing_schema
settings = {
    "format_schema_source": "string", "format_schema": landing_schema(), "format_schema_message_name": "ResourceSpans",
    "deduplicate_blocks_in_dependent_materialized_views": 1, "insert_deduplication_token": "once",
}
framed = frame(request("sharded", [1000] * 20).SerializeToString())
client.raw_insert("otlp_traces_landing", insert_block=join([framed]), fmt="ProtobufList", settings=settings)
client.raw_insert("otlp_traces_landing", insert_block=join([framed]), fmt="ProtobufList", settings=settings)
tables = {
    "otel_traces": "count()", "otel_traces_trace_id_ts": "uniqExact(TraceId)", "span_durations_1m": "sum(Calls)",
    "span_durations_1h": "sum(Calls)", "span_stats_1m": "max(DurationMax)", "span_stats_1h": "max(DurationMax)",
}
say(**{table: int(client.command(f"SELECT {what} FROM {table}")) for table, what in tables.items()})
client.close()
"""


def test_spans_go_through_every_table_and_view_of_the_cluster_once(tmp_path):
    """The same statements on one engine, with a table that hands on in the place of each Distributed one."""
    (tmp_path / "texts").write_text("\0".join(ddl_statements({}, CLUSTER)))
    said = run(ALONE, tmp_path / "data", str(tmp_path / "texts"))
    assert {name: count for name, count in said.items() if name != "stderr"} == {
        "otel_traces": 20,
        "otel_traces_trace_id_ts": 20,
        "span_durations_1m": 20,
        "span_durations_1h": 20,
        "span_stats_1m": 1000,
        "span_stats_1h": 1000,
    }


def test_altering_deleting_and_asking_for_sizes_mean_all_machines():
    assert CLUSTER.statements("DELETE FROM otel_traces\nWHERE Duration = 1") == (
        "DELETE FROM otel_traces_local ON CLUSTER 'production'\nWHERE Duration = 1",
    )
    assert CLUSTER.statements("ALTER TABLE spanhouse_batches ADD COLUMN x UInt8") == (
        "ALTER TABLE spanhouse_batches ON CLUSTER 'production' ADD COLUMN x UInt8",
    )
    assert CLUSTER.parameters({"table": "span_stats_1h", "seconds": 5}) == {
        "table": "span_stats_1h_local",
        "seconds": 5,
    }
    assert CLUSTER.parameters({"table": "otlp_spans_mv"}) == {"table": "otlp_spans_mv"}
    assert "FROM cluster('production', system.parts)" in CLUSTER.query(query_text("table_sizes.sql"))
    for unchanged in (
        query_text("remember_batches.sql"),
        query_text("note_migration.sql"),
        "SELECT * FROM otel_traces",
    ):
        assert CLUSTER.statements(unchanged) == (unchanged,)


def test_the_command_prints_it_and_refuses_names_that_would_need_quoting():
    shown = CliRunner().invoke(cli, ["schema", "--cluster", "production", "--database", "otel"])
    assert shown.exit_code == 0, shown.output
    assert all(sql + ";\n" in shown.stdout for sql in ddl_statements({}, CLUSTER))
    assert "ALTER TABLE otel_traces_local ON CLUSTER 'production' MODIFY TTL" in shown.stdout
    refused = CliRunner().invoke(cli, ["schema", "--cluster", "pro'duction"])
    assert (refused.exit_code, "--cluster" in refused.stderr) == (2, True)
