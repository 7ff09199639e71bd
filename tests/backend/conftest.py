"""The query side over a real store, shared by the tests of one process."""

from collections.abc import Iterator

import pytest
from query_house import QueryHouse


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Iterator[QueryHouse]:
    """The one store of this test process, with the query faces over it; use a service name of your own."""
    with QueryHouse(tmp_path_factory.mktemp("house") / "data") as house:
        yield house
