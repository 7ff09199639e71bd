"""Where the engine is, as far as the store needs to know it: what differs between the embedded one and a server.

The store inserts, recovers, fetches and administers in one way, over any `Place`. A place knows how to connect, where
what is being inserted is written down first, and what has to be done around a change of views.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from clickhouse_connect.driver.client import Client

from spanhouse_backend.store.landing import Landing


class Connect(Protocol):
    """Opens one more handle on an engine that is open already."""

    def __call__(self, *, session: bool = False) -> Client:
        """With `session` temporary tables last as long as the handle. Raises ClickHouseError."""


class Group(NamedTuple):
    """One insert: its token, its ProtobufList body, the identities of the requests in it, and where it goes."""

    token: str
    body: bytes
    identities: tuple[bytes, ...]
    landing: Landing
    deduplication_token: str
    """By which the engine knows it; not `token` when the engine's memory cannot be relied upon."""
    schema: str = ""
    """The protobuf schema that it was begun with, where the place keeps it with the group."""


class GroupJournal(Protocol):
    """What is being inserted right now, kept where it outlives the process that inserts it.

    Every method may raise OSError or ClickHouseError, whichever its place fails with.
    """

    def write(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> Group:
        """Writes a group down under a new token. Raises Contested when others store some of it, StoreUnavailable."""

    def read(self, token: str) -> Group | None:
        """A group that was begun; None when it is settled."""

    def remove(self, token: str) -> None:
        """Forgets a group that is settled."""

    def leftovers(self) -> list[str]:
        """Tokens of groups that nobody settles any more, oldest first: for a process that has begun none."""

    def look_around(self) -> list[str]:
        """Now and then: tokens of groups that another process left behind, which are this one's to settle now."""

    def try_writing(self, size: int) -> None:
        """Writes `size` bytes, where that may be what failed, and takes them away again."""

    def close(self) -> None:
        """After everything else; never fails."""


class Place(Protocol):
    """An engine: the embedded one in its data directory, or a server."""

    @property
    def name(self) -> str:
        """In words, for messages: 'the data directory /data'. Never with a password."""

    @property
    def database(self) -> str:
        """Whose tables a statement means that names none."""

    @property
    def elsewhere(self) -> str:
        """What to do to use another one instead, in words that end a sentence."""

    def take(self) -> None:
        """Before anything else: makes it ours to use. Raises StoreHeld, StoreUnusable."""

    def release(self) -> None:
        """After everything else."""

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells whoever finds the place taken where to ask instead."""

    def connect(self, *, session: bool = False) -> Client:
        """See `Connect`."""

    def journal(self) -> GroupJournal:
        """The journal of this place; one for each store. Raises OSError, ClickHouseError."""

    def require_room(self) -> None:
        """Raises StoreUnavailable when nothing should be written."""

    def make_durable(self) -> None:
        """Returns when what was written so far survives what it has to. Raises OSError."""

    def free_bytes(self) -> int:
        """Space left for what is stored. Raises OSError where that cannot be known."""

    def engine_folder(self) -> Path:
        """Where the engine keeps its files. Raises BackupRefused where that is not for us to read."""

    def decode_by(self, mark: str) -> None:
        """From here on requests are decoded for the landing tables that carry `mark`; '' is this software's."""

    def insert_settings(self, group: Group) -> dict[str, str | int]:
        """The settings that tell the engine how to decode `group`, and whatever else the place wants of an insert."""

    def changing(self, client: Client) -> AbstractContextManager[None]:
        """Held while tables and views change: no insert runs meanwhile, of whatever process."""

    def before_views(self) -> None:
        """Before the views and landing tables of this software are made. Raises StoreUnusable."""

    def after_views(self, client: Client, names: Sequence[str]) -> None:
        """After they were made, in the order of `names`. Raises ClickHouseError."""
