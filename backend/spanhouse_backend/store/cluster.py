"""The schema on a cluster: every statement of ours that makes or changes a table, rendered for all of its machines.

There is one text of each statement, in sql/, and it says nothing of clusters. From its form follows what it becomes:

- *Spans and rollups* are sharded: `otel_traces` becomes the replicated table `otel_traces_local` on every shard, and a
  Distributed table under the stock name over them, so that whoever asks the stock names, as Grafana does, asks all
  shards. Spans are sharded by their trace, which so stays together. Nothing is inserted into the rollups' Distributed
  tables, which therefore have no sharding key: each shard rolls up the spans it has, and queries, which add up and
  merge rows anyway, merge those of all shards.
- *What spanhouse notes for itself* (spanhouse_*) is on every machine whole: one replicated table whose replicas are all
  of them, since whoever stores a group asks whether some of it is stored, and asks one machine.
- *Null tables* are on every machine, with the views that read from them: whichever is asked to insert decodes, and its
  last view hands the spans to the Distributed table. Views that read from a sharded table fill the `_local` ones.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from spanhouse_backend.store.schema import statements

_LOCAL = "_local"
# Windows in which a repeated insert is known: ClickHouse's own ten thousand inserts, for a day instead of an hour.
_WINDOW = "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 86400"
# By what a table's rows go to shards; the first that fits. Nothing by chance: an insert that is repeated has to go
# where it went the first time. What is not here is filled on each shard, and nothing is inserted into all of it.
_SHARDING_KEYS = (
    (re.compile(r"otel_metrics_\w+"), "cityHash64(ServiceName, MetricName, Attributes)"),
    (re.compile(r"otel_logs"), "cityHash64(if(TraceId = '', Body, TraceId))"),
    (re.compile(r"otel_\w+"), "cityHash64(TraceId)"),
)
_CREATED = re.compile(r"^CREATE (?:TABLE|MATERIALIZED VIEW) IF NOT EXISTS (?P<name>\w+)", re.MULTILINE)
_STORED = re.compile(r"^ENGINE = (?P<kind>\w*MergeTree)(?:\((?P<arguments>.*)\))?$", re.MULTILINE)
_SOURCE = re.compile(r"^\s*FROM (?P<name>\w+)$", re.MULTILINE)
_TABLE = r"(?:\{table:Identifier\}|\w+)"
_CHANGES = re.compile(rf"^(?P<change>ALTER TABLE|DELETE FROM) (?P<name>{_TABLE})", re.MULTILINE)
_DROPS = re.compile(r"^(?P<drop>DROP TABLE IF EXISTS[^;]*?)\s+SYNC$", re.MULTILINE)
_DATABASE = re.compile(r"^CREATE DATABASE IF NOT EXISTS (?P<name>\S+)", re.MULTILINE)
_KILLS = re.compile(r"^KILL QUERY\b", re.MULTILINE)
_PARTS = re.compile(r"\bFROM system\.parts\b")
_OWN = "spanhouse_"


class Cluster(NamedTuple):
    """A cluster, as the servers' configuration names it, and the database on it. Both are checked names."""

    name: str
    database: str

    def statements(self, sql: str) -> tuple[str, ...]:
        """What to run in place of `sql`, in this order; `sql` itself when it makes and changes nothing."""
        if _CREATED.search(sql):
            return self._created(sql)
        sql = _CHANGES.sub(lambda found: f"{found['change']} {_held_in(found['name'])} {self._on}", sql)
        sql = _DROPS.sub(rf"\g<drop> {self._on} SYNC", sql)
        sql = _DATABASE.sub(rf"\g<0> {self._on}", sql)
        return (_KILLS.sub(f"KILL QUERY {self._on}", sql),)

    def query(self, sql: str) -> str:
        """What to ask in place of `sql`: the parts of one replica of each shard, where parts are asked for."""
        return _PARTS.sub(f"FROM cluster('{self.name}', system.parts)", sql)

    def parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """For a statement that changes the table in its parameter `table`: the one that holds the rows."""
        named = {"table": _held_in(str(parameters["table"]))} if "table" in parameters else {}
        return {**parameters, **named}

    @property
    def _on(self) -> str:
        return f"ON CLUSTER '{self.name}'"

    def _created(self, sql: str) -> tuple[str, ...]:
        (name,) = _CREATED.findall(sql)
        if not _STORED.search(sql):
            source = _SOURCE.search(sql)
            if source and source["name"] in _sharded():
                # On each shard, from what the shard has to what the shard has.
                sql = re.sub(r"\b\w+\b", lambda found: _held_in(found[0]), sql)
            return (_CREATED.sub(rf"\g<0> {self._on}", sql),)
        sharded = name in _sharded()
        sql = _STORED.sub(lambda found: self._replicated(name, found, sharded=sharded), sql)
        sql = re.sub(r"non_replicated_deduplication_window = \d+", _WINDOW, sql)
        if not sharded:
            return (_CREATED.sub(rf"\g<0> {self._on}", sql),)
        local = name + _LOCAL
        keys = [key for names, key in _SHARDING_KEYS if names.fullmatch(name)]
        arguments = ", ".join([f"'{self.name}'", f"'{self.database}'", f"'{local}'", *keys[:1]])
        distributed = (
            f"-- {name} of all shards, under the name that everybody asks.\n"
            f"CREATE TABLE IF NOT EXISTS {name} {self._on} AS {local}\nENGINE = Distributed({arguments})\n"
        )
        return (_CREATED.sub(f"CREATE TABLE IF NOT EXISTS {local} {self._on}", sql), distributed)

    def _replicated(self, name: str, found: re.Match[str], *, sharded: bool) -> str:
        """The engine, replicated: within a shard, or over all machines. The macros are the servers' own."""
        if sharded:
            path, replica = f"/clickhouse/tables/{{shard}}/{self.database}/{name}{_LOCAL}", "{replica}"
        else:
            path, replica = f"/clickhouse/tables/everywhere/{self.database}/{name}", "{shard}-{replica}"
        arguments = f", {found['arguments']}" if found["arguments"] else ""
        return f"ENGINE = Replicated{found['kind']}('{path}', '{replica}'{arguments})"


@cache
def _sharded() -> frozenset[str]:
    """Stored tables of what was sent to us: all but those of notes."""
    stored = (statement.name for statement in statements() if not statement.stateless)
    return frozenset(name for name in stored if not name.startswith(_OWN))


def _held_in(name: str) -> str:
    """The table that holds the rows of `name`."""
    return name + _LOCAL if name in _sharded() else name
