"""A ClickHouse server for the tests of what is different there."""

from collections.abc import Iterator

import pytest
from clickhouse_servers import ClickHouse


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory) -> Iterator[ClickHouse]:
    """One for the test process; each test has a database of its own."""
    with ClickHouse(tmp_path_factory.mktemp("clickhouse") / "engine") as server:
        yield server
