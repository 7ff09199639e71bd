"""The way in: a group is written down, inserted, noted, and forgotten, so that it is stored exactly once.

The engine commits each table of an insert on its own, and an answer may be lost on its way. Whatever ends badly after
the group was written down is therefore open, and `settle` does the same again under the same token until it is known
to be stored: the engine adds only what is missing.
"""

import logging
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import MalformedData, StoreError, StoreUnavailable
from spanhouse_backend.store.landing import Landing
from spanhouse_backend.store.place import Group, Place
from spanhouse_backend.store.rejection import NOTHING, Rejection
from spanhouse_backend.store.schema import query_text
from spanhouse_backend.store.translate import error_code, lacks_memory, translate
from spanhouse_backend.store.wholeness import is_whole
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

_SETTINGS: dict[str, str | int] = {
    # Attribute values that are arrays are for people to read and search: "/usr/bin", not "\\/usr\\/bin".
    "output_format_json_escape_forward_slashes": 0,
    # The views hand over rows that are added up already; doing it again took a quarter of a large insert.
    "optimize_on_insert": 0,
    # A request may hold records of any number of days; the default stops at 100.
    "max_partitions_per_insert_block": 0,
    # The answer says that the rows are there; engines of today would answer before, unless told.
    "async_insert": 0,
    # Each view's table remembers the insert's token for itself, so that a repeated insert adds what is missing.
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}


class Inserting:
    """Inserts groups on as many threads as there are `clients`, and settles those that ended badly.

    A thread takes a client and gives it back, and a client takes no lock of ours, so nothing here can deadlock.
    """

    def __init__(self, place: Place, clients: list[Client], watcher: Watcher) -> None:
        """Opens the place's journal. Raises OSError, ClickHouseError."""
        self._place = place
        self._journal = place.journal()
        self._idle = clients
        self._watcher = watcher
        # Tokens of groups whose insert failed half-way, oldest first; threads append, only who settles takes out.
        self.open_tokens = self._journal.leftovers()
        # Why the last write failed, '' when it succeeded, and how many bytes it was to write.
        self.problem = ""
        self._problem_bytes = 0
        self._remember_sql = query_text("remember_batches.sql")
        self._rejected_sql = query_text("rejected_of_batches.sql")

    def insert(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """See `Store.insert`."""
        self._place.require_room()
        try:
            group = self._journal.write(landing, body, identities)
        except (OSError, ClickHouseError) as error:
            raise self._refused(error, len(body)) from error
        try:
            self._make_durable()
            return self._insert(group)
        except MalformedData:
            raise
        except BaseException:
            self.open_tokens.append(group.token)
            raise

    def settle(self, token: str) -> dict[bytes, Rejection]:
        """Finishes an open group; what its requests came to, as far as they are stored. Raises StoreUnavailable."""
        self._place.require_room()
        try:
            group = self._journal.read(token)
        except (OSError, ClickHouseError) as error:
            raise self._refused(error, 0) from error
        try:
            return self._insert(group) if group else {}
        except MalformedData:
            return {}  # its senders were never told that it is stored

    def look_around(self) -> None:
        """Now and then: takes over what other processes left behind. Raises StoreUnavailable."""
        try:
            self.open_tokens += self._journal.look_around()
        except (OSError, ClickHouseError) as error:
            raise self._refused(error, 0) from error

    def try_writing(self) -> None:
        """Tries whether as much can be written as last failed. Raises StoreUnavailable."""
        self._place.require_room()
        try:
            self._journal.try_writing(self._problem_bytes)
        except (OSError, ClickHouseError) as error:
            raise self._refused(error, self._problem_bytes) from error
        self.problem = ""

    def close(self) -> None:
        """Closes the handles and the journal; nothing may be running."""
        for client in self._idle:
            client.close()
        self._journal.close()

    def _insert(self, group: Group) -> dict[bytes, Rejection]:
        """Inserts a group into every table that lacks it. Raises MalformedData, or StoreError leaving it open."""
        # As many threads as handles: pop never finds the list empty, and list.pop/append are atomic.
        client = self._idle.pop()
        try:
            client.raw_insert(
                group.landing.table,
                insert_block=group.body,
                fmt="ProtobufList",
                settings=_SETTINGS
                | self._place.insert_settings(group)
                | {"insert_deduplication_token": group.deduplication_token},
            )
            outcomes = self._remember(client, group.identities)
            self._make_durable()
        except ClickHouseError as error:
            failure = _failure(error, group)
            if isinstance(failure, MalformedData):
                self._forget(group)
            else:
                self._failed(error, str(failure), len(group.body))
            raise failure from error
        finally:
            self._idle.append(client)
        self._forget(group)
        self.problem = ""
        return outcomes

    def _remember(self, client: Client, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """Finds out what was refused, and notes it, so that whoever sends a request again hears the same."""
        outcomes = dict.fromkeys(identities, NOTHING)
        asked = {"identities": [identity.hex() for identity in identities]}
        for identity, records, reason in client.query(self._rejected_sql, parameters=asked).result_rows:
            outcomes[bytes.fromhex(identity)] = Rejection(records, reason)
        noted = {
            "identities": [identity.hex() for identity in outcomes],
            "records": [rejection.records for rejection in outcomes.values()],
            "reasons": [rejection.reason for rejection in outcomes.values()],
        }
        client.command(self._remember_sql, parameters=noted)
        return outcomes

    def _forget(self, group: Group) -> None:
        try:
            self._journal.remove(group.token)
        except (OSError, ClickHouseError) as error:
            # What is in the journal is inserted again, and adds nothing: that is better than not knowing.
            raise self._refused(error, 0) from error

    def _make_durable(self) -> None:
        try:
            self._place.make_durable()
        except OSError as error:
            raise self._refused(error, 0) from error

    def _refused(self, error: OSError | ClickHouseError, size: int) -> StoreUnavailable:
        if isinstance(error, OSError):
            message = f"storing a request: {error.strerror or error}"
        else:
            message = str(translate(error, "storing a request"))
        self._failed(error, message, size)
        return StoreUnavailable(message)

    def _failed(self, error: OSError | ClickHouseError, problem: str, size: int) -> None:
        self.problem, self._problem_bytes = problem, size
        code = error_code(error)
        logger.warning("the engine or the disk refused", extra={"code": code, "problem": problem})
        self._watcher.engine_failed(code)


def _failure(error: ClickHouseError, group: Group) -> StoreError:
    """Ours for the engine's. A broken group must not count as trouble of the engine: it would be tried for ever."""
    if lacks_memory(error) and not is_whole(group.landing, group.body):
        return MalformedData("storing a request: not protobuf: a length in it runs past its end")
    return translate(error, "storing a request")
