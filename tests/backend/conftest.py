"""The query side over real stores, shared by the tests of one process."""

from collections.abc import Iterator

import pytest
from clickhouse_servers import ClickHouse, place_on
from query_house import QueryHouse

from spanhouse_backend.store.embedded import Embedded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what is marked `over_both_stores` over the embedded engine, and again over a ClickHouse server."""
    if "house" in metafunc.fixturenames and metafunc.definition.get_closest_marker("over_both_stores"):
        metafunc.parametrize("house", ["embedded", "server"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory) -> Iterator[ClickHouse]:
    """One ClickHouse server for the test process; whoever writes has a database of its own."""
    with ClickHouse(tmp_path_factory.mktemp("clickhouse") / "engine") as server:
        yield server


@pytest.fixture(scope="session")
def embedded_house(tmp_path_factory) -> Iterator[QueryHouse]:
    """Over the engine of this process: there is one, so it lasts until the end."""
    with QueryHouse(Embedded(tmp_path_factory.mktemp("house") / "data")) as house:
        yield house


@pytest.fixture(scope="session")
def server_house(clickhouse) -> Iterator[QueryHouse]:
    """Over a ClickHouse server."""
    with QueryHouse(place_on(clickhouse, "house")) as house:
        yield house


@pytest.fixture(scope="session")
def house(request) -> QueryHouse:
    """The store with the query faces over it; use a service name of your own."""
    return request.getfixturevalue(f"{getattr(request, 'param', 'embedded')}_house")
