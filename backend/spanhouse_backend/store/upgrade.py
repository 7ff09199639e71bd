"""Bringing a store to the form that this software works with, before anything is read or written.

An empty one gets the newest schema; one of an earlier version is migrated; one of a later version is refused,
untouched. The process may be killed anywhere in between: everything here may be run again, and is, at the next start.
No insert runs meanwhile, and what an insert left half done is finished first, through the views it was begun with: an
engine that is given an insert again, to add what is missing, must be given the same one.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from time import monotonic
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.retention import DEFAULT_RETENTION, Retention
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.migrations import MIGRATIONS, Migration
from spanhouse_backend.store.place import Place
from spanhouse_backend.store.retention import set_retention
from spanhouse_backend.store.schema import MARK_PREFIX, Statement, query_text, statements

logger = logging.getLogger(__name__)

CREATED = "created"
"""The name under which a directory that began empty notes its first version."""
SECONDS_BETWEEN_WORDS = 10.0
"""How long a step of a migration may take before the user hears that it still runs, and how often after that."""
# A step is done when the engine has rewritten what it changes, not when it has begun.
_TO_THE_END = {"alter_sync": 1, "mutations_sync": 1}


class _Version(NamedTuple):
    """The newest version that was begun in a store; 0 where nothing was."""

    number: int
    created: bool = False
    finished: bool = True
    software: str = ""


class Upgrade:
    """What is to be done to one store: found out when made, done by `run`.

    Making one raises StoreUnusable when the tables are newer than `migrations`, having written nothing.
    """

    def __init__(self, client: Client, place: Place, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self._client = client
        self._place = place
        self._migrations = migrations
        self._newest = migrations[-1].version
        self._comments: dict[str, str] = {row[0]: row[1] for row in client.query(query_text("tables.sql")).result_rows}
        self._found = self._version()
        if self._found.number > self._newest:
            raise StoreUnusable(
                f"{place.name} has schema version {self._found.number}, made by spanhouse "
                f"{self._found.software}, and this is spanhouse {installed_version('spanhouse')}, which knows versions "
                f"up to {self._newest}: install spanhouse {self._found.software} or later, or {place.elsewhere}"
            )

    @property
    def needed(self) -> bool:
        """Whether tables or views are to change: then what is half inserted has to be finished before `run`."""
        missing = any(statement.name not in self._comments for statement in statements())
        return not self._found.finished or self._found.number < self._newest or missing or self._views_are_stale

    @property
    def holds_data(self) -> bool:
        """Whether anything may have been inserted: not before the directory was made to the end."""
        return self._found.number > 0 and (self._found.finished or not self._found.created)

    @property
    def landing_mark(self) -> str:
        """Of the landing tables as they are now; '' where there are none, or none that carry a mark."""
        return self._comments.get(TRACES.table, "").removeprefix(MARK_PREFIX)

    def run(self, given: Retention) -> None:
        """Does it. `given` comes to hold in place of the tables' retention, or of the default for new tables.

        Raises StoreUnusable naming what could not be done.
        """
        retention = given if self.holds_data else {**DEFAULT_RETENTION, **given}
        if self.needed:
            self._change()
        with _failing_as("set the retention"):
            set_retention(self._client, retention)
        if not self.holds_data:
            self._note(creation(self._newest), finished=True)

    def _version(self) -> _Version:
        if "spanhouse_migrations" in self._comments:
            rows = self._client.query(query_text("schema_version.sql")).result_rows
            if rows:
                return _Version(*rows[0])
        return _Version(1 if "otel_traces" in self._comments else 0)

    @property
    def _views_are_stale(self) -> bool:
        wanted = {statement.name: statement.mark for statement in statements() if statement.stateless}
        return wanted != {name: mark for name, mark in self._comments.items() if mark.startswith(MARK_PREFIX)}

    def _change(self) -> None:
        stored = [statement for statement in statements() if not statement.stateless]
        self._create(stored[0])  # the notes, which are missing where nothing was noted yet
        if not self.holds_data:
            self._note(creation(self._newest), finished=False)
        for statement in stored[1:]:
            self._create(statement)
        for migration in self._missing():
            self._migrate(migration)
        self._make_views_anew()

    def _missing(self) -> list[Migration]:
        """The steps that were not taken to the end. None where there was nothing: new tables have the newest form."""
        if not self._found.number:
            return []
        half_done = not self._found.finished and not self._found.created
        done = self._found.number - 1 if half_done else self._found.number
        return [migration for migration in self._migrations if migration.version > done]

    def _migrate(self, migration: Migration) -> None:
        logger.warning("migrating %s to schema version %d (%s)", self._place.name, migration.version, migration.name)
        if self.holds_data:
            self._note(migration, finished=False)
        for number, sql in enumerate(migration.statements, 1):
            step = (
                f"schema version {migration.version} ({migration.name}), step {number} of {len(migration.statements)}"
            )
            with _failing_as(f"migrate to {step}"):
                self._run_and_tell(sql, step)
        if self.holds_data:
            self._note(migration, finished=True)

    def _run_and_tell(self, sql: str, step: str) -> None:
        """Runs a statement that may take hours, and says now and then that it does.

        On a thread that waits for nothing but the engine and ends with the statement; only that thread uses the handle
        meanwhile.
        """
        begun = monotonic()
        with ThreadPoolExecutor(1, thread_name_prefix="spanhouse-migrate") as thread:
            running = thread.submit(self._client.command, sql, settings=_TO_THE_END)
            while not wait([running], SECONDS_BETWEEN_WORDS).done:
                logger.warning("still at %s, for %.0f s", step, monotonic() - begun)
            running.result()

    def _make_views_anew(self) -> None:
        """All of them, since one that reads from a table that was made anew is not told of it."""
        stateless = [statement for statement in statements() if statement.stateless]
        # Backwards, beginning with the landing view: no span could flow into what is half there.
        current = [statement.name for statement in reversed(stateless) if statement.name in self._comments]
        marked = {name for name, comment in self._comments.items() if comment.startswith(MARK_PREFIX)}
        for name in (*current, *sorted(marked.difference(current))):
            with _failing_as(f"drop {name}"):
                self._client.command(query_text("drop_table.sql"), parameters={"table": name})
        self._place.before_views()
        for statement in stateless:
            self._create(statement)
            with _failing_as(f"mark {statement.makes}"):
                self._client.command(mark_statement(statement))
        with _failing_as("take up the views"):
            self._place.after_views(self._client, [statement.name for statement in stateless])
        self._comments = {statement.name: statement.mark for statement in stateless}

    def _create(self, statement: Statement) -> None:
        with _failing_as(f"create {statement.makes}"):
            self._client.command(statement.sql)

    def _note(self, migration: Migration, *, finished: bool) -> None:
        with _failing_as("note the schema version"):
            self._client.command(query_text("note_migration.sql"), parameters=note(migration, finished=finished))


def creation(version: int) -> Migration:
    """The step from nothing to `version`, as it is noted."""
    return Migration(version, CREATED, tuple(statement.sql for statement in statements()))


def note(migration: Migration, *, finished: bool) -> dict[str, str | int]:
    """The parameters of note_migration.sql."""
    return {
        "version": migration.version,
        "name": migration.name,
        "checksum": migration.checksum,
        "software": installed_version("spanhouse"),
        "finished": int(finished),
    }


def mark_statement(statement: Statement) -> str:
    """What puts the mark on a view or pass-through table. Written out: the engine takes a comment as a literal only."""
    return written_out(query_text("mark_table.sql"), {"table": statement.name, "mark": statement.mark})


@contextmanager
def _failing_as(doing: str) -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise StoreUnusable(f"failed to {doing}: {error}") from error
