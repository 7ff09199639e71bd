"""What can be wrong with a ClickHouse server, found out before anything is written, and said so that it can be mended.

What is asked for are features and rights, not version numbers: a build may have one without the other. Only a server
that cannot be reached is waited for; it may be starting.
"""

import logging
import ssl
import time
from collections.abc import Iterable
from typing import Protocol

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import SSLError

from spanhouse_backend.clickhouse_address import ClickHouseAddress
from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.store.schema import query_text, statements
from spanhouse_backend.store.translate import bare_message, causes, network_problem

logger = logging.getLogger(__name__)

OLDEST_VERSION = "26.8"
"""The first with all that is asked for below (system.functions says so of the functions)."""
_NEEDED_FUNCTIONS = ("formatQueryFromJSON", "parseQueryToJSON", "quantilesExactWeighted")
_NEEDED_SETTINGS = (
    "deduplicate_blocks_in_dependent_materialized_views",
    "enable_nullable_tuple_type",
    "format_schema_source",
)
# ON what, rights: * is the database. The system tables say how large ours are and what runs; a temporary table is how
# rows are written in other formats.
_RIGHTS = (
    *(
        ("*", right)
        for right in ("SELECT", "INSERT", "ALTER", "CREATE TABLE", "CREATE VIEW", "DROP TABLE", "DROP VIEW")
    ),
    ("system.parts", "SELECT"),
    ("system.processes", "SELECT"),
    ("*.*", "CREATE TEMPORARY TABLE"),
)
_RIGHTS_ON_A_CLUSTER = (("*.*", "CLUSTER"), ("*.*", "REMOTE"))
_WRONG_PASSWORD, _REQUIRED_PASSWORD, _UNKNOWN_USER = 516, 194, 192
_UNKNOWN_DATABASE, _ACCESS_DENIED = 81, 497
_MACROS = 2
# Before the others, and before anything is noted.
_MADE_FIRST = {"spanhouse_inflight"}
_TRY_AGAIN_SECONDS = 1.0


class ConnectTo(Protocol):
    """Opens a handle whose statements mean a database."""

    def __call__(self, database: str) -> Client:
        """Raises ClickHouseError."""


def check_server(address: ClickHouseAddress, connect: ConnectTo) -> None:
    """Returns when the server is there, is what we need, and has the database; makes that when it is missing.

    Raises StoreUnusable, saying what to do.
    """
    # Not the database of ours, which may be missing: every server has this one.
    client = _reached(address, connect)
    try:
        _require_features(address, client)
        if address.cluster:
            _require_cluster(address, client)
        _require_database(address, client)
        client.close()
        client = connect(address.database)
        _require_rights(address, client)
        _require_ours(address, client)
    except ClickHouseError as error:
        raise StoreUnusable(f"ClickHouse at {address} refuses: {bare_message(error)}") from error
    finally:
        client.close()


def _reached(address: ClickHouseAddress, connect: ConnectTo) -> Client:
    deadline = time.monotonic() + address.wait_seconds
    told = False
    while True:
        try:
            return connect("system")
        except ClickHouseError as error:
            problem, worth_waiting = _why_not_reached(address, error)
            if not worth_waiting or time.monotonic() >= deadline:
                raise StoreUnusable(problem) from error
            if not told:
                logger.warning("waiting for ClickHouse", extra={"problem": problem, "seconds": address.wait_seconds})
                told = True
            time.sleep(_TRY_AGAIN_SECONDS)


def _why_not_reached(address: ClickHouseAddress, error: ClickHouseError) -> tuple[str, bool]:
    """In words, and whether it may be over in a while."""
    code = error.code if isinstance(error, DatabaseError) else None
    chain = list(causes(error))
    # OpenSSL's words are the innermost.
    tls = next((cause for cause in reversed(chain) if isinstance(cause, SSLError | ssl.SSLError)), None)
    if code in {_WRONG_PASSWORD, _REQUIRED_PASSWORD, _UNKNOWN_USER}:
        problem = (
            f"ClickHouse at {address} does not let the user {address.user!r} in: give the right password in "
            "SPANHOUSE_CLICKHOUSE_PASSWORD or --clickhouse-password-file, or another user in --clickhouse"
        )
    elif code is not None:
        problem = f"ClickHouse at {address} refuses: {bare_message(error)}"
    elif tls is not None:
        problem = (
            f"no TLS connection to ClickHouse at {address}: {tls}; name the authority that signed its certificate in "
            "--clickhouse-ca, its own name in --clickhouse, or http:// for a port without TLS"
        )
    elif reason := network_problem(error):
        problem = f"ClickHouse at {address} cannot be reached: {reason}; is it running, and is this its HTTP port?"
        return problem, True
    else:
        problem = (
            f"what answers at {address} is not ClickHouse's HTTP interface (port 8123, or 8443 for https): {error}"
        )
    return problem, False


def _require_features(address: ClickHouseAddress, client: Client) -> None:
    missing = [
        name
        for table, names in (("functions", _NEEDED_FUNCTIONS), ("settings", _NEEDED_SETTINGS))
        for (name,) in client.query(query_text(f"missing_{table}.sql"), parameters={"names": list(names)}).result_rows
    ]
    if missing:
        raise StoreUnusable(
            f"ClickHouse at {address} is version {client.server_version} and has no {', '.join(sorted(missing))}: "
            f"upgrade it to {OLDEST_VERSION} or later"
        )


def _require_database(address: ClickHouseAddress, client: Client) -> None:
    name = {"database": address.database}
    try:
        if not client.query(query_text("database.sql"), parameters=name).result_rows:
            client.command(query_text("create_database.sql"), parameters=name)
    except DatabaseError as error:
        if error.code != _ACCESS_DENIED:
            raise
        raise StoreUnusable(
            f"there is no database {address.database!r} on ClickHouse at {address} that the user {address.user!r} can "
            "see, and he may not make one; let somebody who may run: CREATE DATABASE IF NOT EXISTS "
            f"`{address.database}`; {_grants(address, _wanted(address))}"
        ) from error


def _wanted(address: ClickHouseAddress) -> tuple[tuple[str, str], ...]:
    return _RIGHTS + _RIGHTS_ON_A_CLUSTER if address.cluster else _RIGHTS


def _require_rights(address: ClickHouseAddress, client: Client) -> None:
    missing = []
    for where, right in _wanted(address):
        try:
            granted = client.command(f"CHECK GRANT {right} ON {where}")
        except (
            DatabaseError
        ):  # a server, or what stands before it, that does not say: it will when something is missing
            return
        if not granted:
            missing.append((where, right))
    if missing:
        raise StoreUnusable(
            f"the user {address.user!r} lacks rights on ClickHouse at {address}; let somebody who may run: "
            f"{_grants(address, missing)}"
        )


def _grants(address: ClickHouseAddress, rights: Iterable[tuple[str, str]]) -> str:
    by_place: dict[str, list[str]] = {}
    for where, right in rights:
        by_place.setdefault(f"`{address.database}`.*" if where == "*" else where, []).append(right)
    return "; ".join(f"GRANT {', '.join(given)} ON {where} TO `{address.user}`" for where, given in by_place.items())


def _require_ours(address: ClickHouseAddress, client: Client) -> None:
    engines = {name: engine for name, _, engine in client.query(query_text("tables.sql")).result_rows}
    foreign = sorted(name for name in engines if name in {statement.name for statement in statements()} - _MADE_FIRST)
    if foreign and "spanhouse_migrations" not in engines:
        raise StoreUnusable(
            f"the database {address.database!r} on ClickHouse at {address} has a table {foreign[0]} that spanhouse did "
            "not make: name another database in --clickhouse"
        )
    if "otel_traces" in engines and (engines["otel_traces"] == "Distributed") != bool(address.cluster):
        there, do = ("one server", "leave --cluster out") if address.cluster else ("a cluster", "name it in --cluster")
        raise StoreUnusable(
            f"the tables in the database {address.database!r} on ClickHouse at {address} are those of {there}: "
            f"{do}, or name another database in --clickhouse"
        )


def _require_cluster(address: ClickHouseAddress, client: Client) -> None:
    asked = client.query(query_text("cluster_known.sql"), parameters={"cluster": address.cluster})
    known, macros, clusters = asked.result_rows[0]
    if not known:
        raise StoreUnusable(
            f"ClickHouse at {address} knows no cluster {address.cluster!r}; it knows {clusters or 'none'}: name one of "
            "them in --cluster, or add it to <remote_servers> of the servers' configuration"
        )
    if macros != _MACROS:
        raise StoreUnusable(
            f"ClickHouse at {address} has no macros shard and replica, by which replicated tables are told apart: add "
            "them to <macros> of each server's configuration"
        )
