"""The journal of groups in ClickHouse itself, and claims to the requests in them: for servers that share a database.

A group is written down as a row of spanhouse_inflight before it is inserted. That row is also a claim to its requests,
so that of servers that are sent the same request, one stores it:

1. *Claim.* The row is inserted. From when that insert has returned, every server that looks sees it.
2. *Look.* Are some of the requests in an open claim of somebody else? Are some noted as stored? Then nothing is
   inserted: the claim is withdrawn, and the caller hears which are stored, with their outcome, and which are held.
3. *Insert* under the claim's token, *note* the requests in spanhouse_batches, and only then *end* the claim, which the
   sender need not wait for: it goes with the next claim, or when somebody looks around.

Of two that claim the same request, whoever looks second looks after both rows are there, and sees the other's: so both
never insert. (Both may withdraw; they try again after a while that differs by chance.) And whoever looks after a claim
was ended finds the requests noted, because it asks for claims first and for notes afterwards. The argument needs that
what one connection has written, another one reads: one ClickHouse server gives that, replicas only with
`insert_quorum`, `insert_quorum_parallel = 0` and `select_sequential_consistency = 1`.

A claim that was not ended for LEASE_SECONDS belongs to a server that died, or cannot reach ClickHouse. Any other takes
it over: it claims the same token, looks whether the token is still open, and inserts the same bytes under it. The
engine adds what is missing and nothing twice, so it does no harm when the first one is alive and does the same. It
could only withdraw before it inserts, and then ends its own claim alone: that of who took over goes on holding the
requests.
"""

import base64
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnavailable, StoreUnusable
from spanhouse_backend.store.landing import LANDINGS, Landing
from spanhouse_backend.store.place import Group
from spanhouse_backend.store.rejection import Contested, Rejection
from spanhouse_backend.store.schema import landing_schema, query_text, statements

LEASE_SECONDS = 60
"""An insert takes seconds, and one that does not is repeated all the time; what is older is nobody's any more."""
SWEEP_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.2
_RENEW_SECONDS = 15.0
_MORE = 0x80
_COLUMNS = ("Token", "Server", "Ended", "Landing", "Schema", "Identities", "Body")


class _Open(NamedTuple):
    """A row of open_groups.sql. Without a landing table it is a change of the schema."""

    token: str
    server: str
    landing: str
    seconds: int


class SharedJournal:
    """A `GroupJournal` that other servers see, over one connection; its methods may be called by several threads.

    The connection has no session, so calls do not wait for each other. An end stays in `_ends` until a row with it was
    written, and may be written twice, so it cannot be lost; there is no lock, so nothing can deadlock.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.server = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        # Tokens to be ended, and for which server.
        self._ends: list[tuple[str, str]] = []
        self._swept = time.monotonic()
        self._marks = [statement.mark for statement in statements() if statement.stateless]

    def write(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> Group:
        """Claims a group's requests, and keeps its bytes.

        Raises Contested when others store some of them; StoreUnavailable while the schema changes, or is not this
        software's any more; ClickHouseError.
        """
        token = uuid.uuid4().hex
        group = Group(token, body, tuple(identities), landing, token, landing_schema())
        try:
            self._begin(token, landing.table, group.identities, body)
            self._require_free(token, identities)
        except BaseException:
            self._end(token, self.server)
            raise
        return group

    def read(self, token: str) -> Group | None:
        """A group that was begun, by any server; None when it is settled. Raises ClickHouseError."""
        rows = self._client.query(query_text("open_group.sql"), parameters={"token": token}).result_rows
        if not rows:
            return None
        table, schema, identities, body = rows[0]
        return Group(
            token,
            base64.b64decode(body),
            tuple(bytes.fromhex(identity) for identity in identities),
            LANDINGS[table],
            token,
            schema,
        )

    def remove(self, token: str) -> None:
        """Ends every server's claim to a group, soon: it is stored, or never will be."""
        self._ends.append((token, ""))

    def leftovers(self) -> list[str]:
        """Groups of servers that died, oldest first, taken over. Raises ClickHouseError.

        Not what this server is at itself, nor what another one has taken over, nor requests of a kind that only a later
        version knows.
        """
        rows = self._open()
        tended = {one.token for one in rows if one.server == self.server or one.seconds <= LEASE_SECONDS}
        left = dict.fromkeys(one.token for one in rows if one.landing in LANDINGS and one.token not in tended)
        return [token for token in left if self._take(token)]

    def look_around(self) -> list[str]:
        """As `leftovers`; also writes down what has ended, and frees space. Raises ClickHouseError."""
        if self._ends:
            self._write(b"")
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            for (partition,) in self._client.query(query_text("inflight_partitions.sql")).result_rows:
                self._client.command(query_text("drop_inflight.sql"), parameters={"partition": partition})
        return self.leftovers()

    def try_writing(self, size: int) -> None:
        """Whether the server takes a row. Raises ClickHouseError."""
        del size
        self.remove(uuid.uuid4().hex)
        self._write(b"")

    def close(self) -> None:
        """Writes down what has ended, if it can, and closes the connection."""
        with suppress(ClickHouseError):  # else others find out, and do no harm
            self._write(b"")
        self._client.close()

    @contextmanager
    def changing(self, patience_seconds: float) -> Iterator[None]:
        """Held while the schema changes: no server begins an insert, and what was begun is ended or left behind.

        By the same argument as for claims: whoever inserts looks for a change after its claim is there, and whoever
        changes looks for claims after its change is there. The thread that says that the change goes on waits for an
        event only, which is set in every case, so it ends. Raises StoreUnusable when others do not come to an end.
        """
        token = uuid.uuid4().hex
        deadline = time.monotonic() + patience_seconds
        over = threading.Event()

        def renew() -> None:
            while not over.wait(_RENEW_SECONDS):
                with suppress(ClickHouseError):
                    self._begin(token, "", (), b"")

        self._begin(token, "", (), b"")
        thread = threading.Thread(target=renew, name="spanhouse-changing", daemon=True)
        try:
            while others := [one for one in self._open() if one.token != token and one.seconds <= LEASE_SECONDS]:
                if time.monotonic() > deadline:
                    raise StoreUnusable(
                        f"the schema is to change, and {others[0].server} does not come to an end with what it does: "
                        "stop it, or try again"
                    )
                if any(not one.landing for one in others):  # another one wants to change it: one of us gives way
                    self._end(token, self.server)
                    time.sleep(random.uniform(1, 5) * _LOOK_AGAIN_SECONDS)  # noqa: S311 - nobody need not guess it
                    token = uuid.uuid4().hex
                    self._begin(token, "", (), b"")
                else:
                    time.sleep(_LOOK_AGAIN_SECONDS)
            thread.start()
            yield
        finally:
            over.set()
            if thread.ident is not None:
                thread.join()
            self._end(token, self.server)

    def _require_free(self, token: str, identities: Sequence[bytes]) -> None:
        asked = {"identities": [identity.hex() for identity in identities]}
        # In this order: see above.
        held, changing = set[bytes](), ""
        claims = self._client.query(query_text("held_requests.sql"), parameters=asked | {"token": token}).result_rows
        for server, shared in claims:
            held |= {bytes.fromhex(identity) for identity in shared}
            changing = "" if shared else server
        stored, whole = dict[bytes, Rejection](), 0
        notes = self._client.query(query_text("stored_requests.sql"), parameters=asked | {"marks": self._marks})
        for identity, count, reason in notes.result_rows:
            if identity:
                stored[bytes.fromhex(identity)] = Rejection(count, reason)
            else:
                whole = count
        if changing:
            raise StoreUnavailable(f"storing spans: {changing} is changing the schema")
        if whole != len(self._marks):
            raise StoreUnavailable(
                "storing spans: the tables and views are not this version's any more: another version of spanhouse was "
                "started on this database, or is to be started again to finish changing it"
            )
        if held or stored:
            raise Contested(stored, frozenset(held) - stored.keys())

    def _take(self, token: str) -> bool:
        """Claims a group that another server left behind; whether it is still open."""
        group = self.read(token)
        if group is None:
            return False
        self._begin(token, group.landing.table, group.identities, b"")
        still = any(one.token == token and one.server != self.server for one in self._open())
        if not still:
            self._end(token, self.server)
        return still

    def _open(self) -> list[_Open]:
        return [_Open(*row) for row in self._client.query(query_text("open_groups.sql")).result_rows]

    def _begin(self, token: str, landing: str, identities: Sequence[bytes], body: bytes) -> None:
        schema = landing_schema() if body else ""
        self._write(_row(token, self.server, False, landing, schema, identities, body))

    def _end(self, token: str, server: str) -> None:
        """At once, if that can be; else with the next row."""
        self._ends.append((token, server))
        with suppress(ClickHouseError):
            self._write(b"")

    def _write(self, row: bytes) -> None:
        """Writes a row, and the ends that were not written yet: all of it or nothing. Raises ClickHouseError."""
        ends = list(self._ends)
        self._client.raw_insert(
            "spanhouse_inflight",
            column_names=_COLUMNS,
            insert_block=b"".join(_row(token, server, True) for token, server in ends) + row,
            fmt="RowBinary",
            settings={"async_insert": 0},
        )
        for end in ends:
            with suppress(ValueError):  # another thread wrote it, too
                self._ends.remove(end)


def _row(
    token: str,
    server: str,
    ended: bool,
    landing: str = "",
    schema: str = "",
    identities: Sequence[bytes] = (),
    body: bytes = b"",
) -> bytes:
    """One row of _COLUMNS in RowBinary."""
    return b"".join(
        (
            *(_string(text.encode()) for text in (token, server)),
            bytes([ended]),
            *(_string(text.encode()) for text in (landing, schema)),
            _varint(len(identities)),
            *identities,
            _varint(len(body)),
            body,
        )
    )


def _string(text: bytes) -> bytes:
    """A String in RowBinary."""
    return _varint(len(text)) + text


def _varint(number: int) -> bytes:
    """LEB128, unsigned, as RowBinary counts."""
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number % _MORE | _MORE)
        number //= _MORE
    encoded.append(number)
    return bytes(encoded)
