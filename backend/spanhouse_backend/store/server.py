"""A ClickHouse server as the store: a database on it, over HTTP, which several spanhouse servers may share."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httputil import get_pool_manager
from urllib3 import PoolManager

from spanhouse_backend.clickhouse_address import ClickHouseAddress
from spanhouse_backend.errors import BackupRefused, StoreUnusable
from spanhouse_backend.store.cluster import Cluster
from spanhouse_backend.store.cluster_client import ClusterClient
from spanhouse_backend.store.place import Group
from spanhouse_backend.store.schema import landing_schema, query_text
from spanhouse_backend.store.server_checks import check_server
from spanhouse_backend.store.shared_journal import SharedJournal

# As many as there are handles, and some: they are kept open between statements.
_CONNECTIONS = 16
_CHANGE_PATIENCE_SECONDS = 120.0
# On a cluster. What we note for ourselves is written and read in one order by everybody (store/shared_journal.py), and
# is on most of the machines before it counts. An insert is answered when the shards have it, not when it waits in a
# queue on a disk.
_FOR_OURSELVES: dict[str, str | int] = {
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
    "distributed_foreground_insert": 1,
}
# Groups go side by side: they are told apart by their tokens. Each is on most replicas of its shards before it counts.
_FOR_GROUPS: dict[str, str | int] = {"insert_quorum_parallel": 1}
# One trace is in one shard, and no other is asked for it. A subquery over shards is answered once and sent along.
_FOR_QUESTIONS: dict[str, str | int] = {"optimize_skip_unused_shards": 1, "distributed_product_mode": "global"}


class Server:
    """The database at `address`: a `Place`. No process has it to itself, and none needs a disk."""

    elsewhere = "name another database in --clickhouse"

    def __init__(self, address: ClickHouseAddress) -> None:
        self.name = f"the ClickHouse database {address}"
        self.database = address.database
        self._address = address
        self._shared: SharedJournal | None = None

    def take(self) -> None:
        """Waits for the server, as long as it should, and makes sure that it will do. Raises StoreUnusable."""
        check_server(self._address, self._connect)

    def release(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def publish(self, addresses: dict[str, str]) -> None:
        """Nobody finds a server taken."""

    def connect(self, *, session: bool = False) -> Client:
        """One more handle; all of them use the same connections. Raises ClickHouseError.

        With `session` it is one for questions: on a cluster it reads whichever replica is at hand.
        """
        return self._connect(self._address.database, session=session)

    def journal(self) -> SharedJournal:
        """In the database. Raises ClickHouseError."""
        return self._journal

    def require_room(self) -> None:
        """The server knows."""

    def make_durable(self) -> None:
        """The server's own settings decide about that."""

    def free_bytes(self) -> int:
        """Not known. Raises OSError."""
        raise OSError("the disk is the ClickHouse server's")

    def engine_folder(self) -> Path:
        """Its files are the server's. Raises BackupRefused."""
        raise BackupRefused(
            f"{self.name} is backed up by ClickHouse itself: BACKUP DATABASE `{self._address.database}`"
        )

    def decode_by(self, mark: str) -> None:
        """Every group has its own schema with it."""

    def insert_settings(self, group: Group) -> dict[str, str | int]:
        """The schema as text; on a cluster, how many replicas are waited for."""
        return {
            **(_FOR_GROUPS if self._address.cluster else {}),
            "format_schema_source": "string",
            "format_schema": group.schema or landing_schema(),
            "format_schema_message_name": group.landing.message,
        }

    def changing(self, client: Client) -> AbstractContextManager[None]:
        """Also across servers. Raises StoreUnusable when another does not come to an end."""
        client.command(query_text("schema/070_spanhouse_inflight.sql"))
        return self._journal.changing(_CHANGE_PATIENCE_SECONDS)

    def before_views(self) -> None:
        """The schema goes with every insert."""

    def after_views(self, client: Client, names: Sequence[str]) -> None:
        """A server keeps the ids of its views."""

    @cached_property
    def _journal(self) -> SharedJournal:
        return SharedJournal(self.connect())

    @cached_property
    def _pool(self) -> PoolManager:
        address = self._address
        try:
            pool: PoolManager = get_pool_manager(
                maxsize=_CONNECTIONS,
                verify=address.verify,
                ca_cert=_text(address.ca),
                client_cert=_text(address.cert),
                client_cert_key=_text(address.key),
            )
        except OSError as error:
            raise StoreUnusable(f"{self.name}: cannot use the certificates: {error}") from error
        return pool

    def _connect(self, database: str, *, session: bool = False) -> Client:
        address = self._address
        given: dict[str, Any] = {
            "interface": address.scheme,
            "host": address.host,
            "port": address.port,
            "username": address.user,
            "password": address.password,
            "database": database,
            "verify": address.verify,
            "client_cert": _text(address.cert),
            # With a password the certificate only opens the connection; without, it says who the user is.
            "tls_mode": "strict" if address.password else None,
            "connect_timeout": address.connect_timeout_seconds,
            "send_receive_timeout": address.timeout_seconds,
            "autogenerate_session_id": session,
            "client_name": "spanhouse",
            "pool_mgr": self._pool,
        }
        if not address.cluster:
            return clickhouse_connect.get_client(**given)
        settings = _FOR_QUESTIONS if session else _FOR_OURSELVES
        return ClusterClient(Cluster(address.cluster, address.database), settings=dict(settings), **given)


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
