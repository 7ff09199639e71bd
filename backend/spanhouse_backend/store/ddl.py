"""The schema as a script: what `spanhouse schema` prints, for reading and for running elsewhere.

The statements are those that the software runs on an empty data directory, in the same order, with nothing left to
bind; they end by noting the schema version, so that tables made by the script are taken for what they are.
"""

from importlib.metadata import version

from spanhouse_backend.retention import DEFAULT_RETENTION, FOREVER, Retention, retention_text
from spanhouse_backend.store.cluster import Cluster
from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.migrations import MIGRATIONS
from spanhouse_backend.store.retention import KEPT_TABLES, alteration
from spanhouse_backend.store.schema import query_text, statements
from spanhouse_backend.store.server_checks import OLDEST_VERSION
from spanhouse_backend.store.upgrade import creation, mark_statement, note

_HEAD = """\
-- spanhouse {software}, schema version {version}, rows kept for {retention}.
"""
_SERVER_HEAD = """\
-- For a ClickHouse server, {oldest} or later, into a database that is there:
--   spanhouse schema --engine server | clickhouse-client --multiquery --database NAME
"""
_CLUSTER_HEAD = """\
-- For the ClickHouse cluster {name}, {oldest} or later, whose servers have the macros shard and replica:
--   clickhouse-client --query "CREATE DATABASE IF NOT EXISTS {database} ON CLUSTER '{name}'"
--   spanhouse schema --cluster {name} --database {database} | clickhouse-client --multiquery --database {database}
"""


def ddl_statements(retention: Retention, cluster: Cluster | None = None) -> list[str]:
    """The whole schema, each statement complete; `retention` is the default but for what it names."""
    newest = MIGRATIONS[-1].version
    kept = {**DEFAULT_RETENTION, **retention}
    script = [statement.sql for statement in statements() if not statement.stateless]
    for statement in statements():
        if statement.stateless:
            script += [statement.sql, _bare(mark_statement(statement))]
    made = {statement.name: statement.sql for statement in statements()}
    for table in KEPT_TABLES:
        if kept[table.kind] != FOREVER or "\nTTL " in made[table.name]:  # else a new table does that anyway
            script.append(_bare(written_out(*alteration(table, kept[table.kind]))))
    if cluster:
        script = [rendered for sql in script for rendered in cluster.statements(sql)]
    script.append(written_out(query_text("note_migration.sql"), note(creation(newest), finished=True)))
    return [sql.strip() for sql in script]


def ddl_script(engine: str, retention: Retention, cluster: Cluster | None = None) -> str:
    """The statements with a head that says what they are, each ending in a semicolon.

    They are the same for an `engine` "server" as for "embedded"; its head says how to run them there. For a `cluster`
    they are rendered for all of its machines.
    """
    head = _HEAD.format(
        software=version("spanhouse"),
        version=MIGRATIONS[-1].version,
        retention=retention_text({**DEFAULT_RETENTION, **retention}),
    )
    if cluster:
        head += _CLUSTER_HEAD.format(name=cluster.name, database=cluster.database, oldest=OLDEST_VERSION)
    elif engine == "server":
        head += _SERVER_HEAD.format(oldest=OLDEST_VERSION)
    return head + "".join(f"\n{sql};\n" for sql in ddl_statements(retention, cluster))


def _bare(sql: str) -> str:
    """Without its comment, which would be there once for every table."""
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
