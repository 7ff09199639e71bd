"""Raw SQL over the one store of the test process."""

from collections.abc import Iterator

import pytest

from spanhouse_backend.query.sql_reader import SqlReader, sandbox_settings
from spanhouse_backend.store.sandbox import Limits, Sandbox

SQL_LIMITS = Limits(seconds=3, rows=100_000, result_bytes=16 << 20, memory_bytes=256 << 20, threads=1)


def _opened(house, limits) -> Iterator[Sandbox]:
    opened = house.run(Sandbox.open(house.store.connect, limits, sandbox_settings(house.store.database)))
    yield opened
    house.run(opened.close())


@pytest.fixture(scope="module")
def sandbox(house) -> Iterator[Sandbox]:
    """Handles of the module's own, with limits small enough to be reached."""
    yield from _opened(house, SQL_LIMITS)


@pytest.fixture(scope="module")
def patient_sandbox(house) -> Iterator[Sandbox]:
    """One whose statements are not ended by its limit of time while a test looks, however busy the machine is."""
    yield from _opened(house, SQL_LIMITS._replace(seconds=300))


@pytest.fixture(scope="module")
def ask_sql(house, sandbox):
    """Answers a statement: `ask_sql(text, form="JSONCompact", name="value of {name:Type}")`."""
    reader = SqlReader(sandbox, house.store.database)

    def ask(statement, form="TabSeparated", **parameters):
        return house.run(reader.run(statement, parameters, form)).body

    return ask
