"""`spanhouse schema`: what it prints makes the very tables that the software makes itself."""

import pytest
from click.testing import CliRunner
from harness import read_back
from store_processes import run

from spanhouse_backend.cli import cli
from spanhouse_backend.store.ddl import ddl_script, ddl_statements

TABLES = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
DEFINITIONS = "SELECT name, replaceRegexpAll(create_table_query, '_CAST\\\\((\\\\d+), \\'UInt32\\'\\\\)', '\\\\1') {}"
DEFINITIONS = DEFINITIONS.format(TABLES.partition("create_table_query ")[2])


def test_run_on_an_empty_engine_it_makes_a_directory_that_the_software_takes_for_its_own(tmp_path):
    """The engine parses every statement, and runs it; the store then finds nothing to do, and the same retention."""
    printed = """
from spanhouse_backend.store.ddl import ddl_statements
client = engine()
for sql in ddl_statements({"spans": 86400}):
    if not sql.startswith("-- Notes"):
        assert client.command("EXPLAIN AST " + sql)
    client.command(sql)
upgrade = Upgrade(client, Embedded(directory))
say(needed=upgrade.needed, holds_data=upgrade.holds_data)
client.close()
"""
    said = run(printed, tmp_path / "printed")
    assert (said["needed"], said["holds_data"]) == (False, True)
    run("store = Store.open(directory, retention={'spans': 86400}); asyncio.run(store.close())", tmp_path / "made")
    (made,), (run_elsewhere,) = read_back(tmp_path / "made", DEFINITIONS), read_back(tmp_path / "printed", DEFINITIONS)
    assert run_elsewhere == made
    run("store = Store.open(directory); asyncio.run(store.close())", tmp_path / "printed")
    assert read_back(tmp_path / "printed", DEFINITIONS) == [made]


@pytest.mark.parametrize("engine", ["embedded", "server"])
def test_the_command_prints_it_in_order_each_statement_ended(engine):
    shown = CliRunner().invoke(cli, ["schema", "--engine", engine, "--retention", "spans=3d,hour=forever"])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout == ddl_script(engine, {"spans": 3 * 86400, "hour": 0})
    assert ("clickhouse-client --multiquery" in shown.stdout) == (engine == "server")
    assert (
        "rows kept for spans=3d,minute=90d,hour=forever,logs=30d,metrics=30d,rejected=30d"
        in shown.stdout.splitlines()[0]
    )
    statements = ddl_statements({"spans": 3 * 86400, "hour": 0})
    assert shown.stdout.count(";\n") >= len(statements)
    position = [shown.stdout.index(sql + ";\n") for sql in statements]
    assert position == sorted(position)
    assert "ALTER TABLE otel_traces MODIFY TTL toDateTime(Timestamp) + toIntervalSecond(259200);" in shown.stdout
    assert "span_durations_1h MODIFY TTL" not in shown.stdout


def test_an_age_that_makes_no_sense_is_a_usage_error():
    shown = CliRunner().invoke(cli, ["schema", "--retention", "spans=soon"])
    assert shown.exit_code == 2
    assert "--retention" in shown.stderr
    assert "spans: 'soon' is not an age" in shown.stderr
