"""Raw SQL over the one store of the test process."""

from collections.abc import Iterator

import pytest

from spanhouse_backend.query.sql_reader import SqlReader
from spanhouse_backend.store.sandbox import Limits, Sandbox

SQL_LIMITS = Limits(seconds=3, rows=100_000, result_bytes=16 << 20, memory_bytes=256 << 20, threads=1)


@pytest.fixture(scope="module")
def sandbox(house) -> Iterator[Sandbox]:
    """Handles of the module's own, with limits small enough to be reached."""
    opened = house.run(Sandbox.open(house.store.connect, SQL_LIMITS))
    yield opened
    house.run(opened.close())


@pytest.fixture(scope="module")
def ask_sql(house, sandbox):
    """Answers a statement: `ask_sql(text, form="JSONCompact", name="value of {name:Type}")`."""
    reader = SqlReader(sandbox)

    def ask(statement, form="TabSeparated", **parameters):
        return house.run(reader.run(statement, parameters, form)).body

    return ask
