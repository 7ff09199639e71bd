"""Servers for tests from end to end, over each kind of store where that could make a difference."""

from collections.abc import Iterator

import pytest
from clickhouse_servers import Door, spanhouse_on
from harness import ServerProcess


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what is marked `over_both_stores` with a server over each."""
    if "shared_server" in metafunc.fixturenames and metafunc.definition.get_closest_marker("over_both_stores"):
        metafunc.parametrize("shared_server", ["embedded", "clickhouse"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def shared_server(request, tmp_path_factory) -> Iterator[ServerProcess]:
    """A running server for a module whose tests tell their spans apart by service name.

    Its ClickHouse server is another spanhouse's port for ClickHouse's clients.
    """
    directory = tmp_path_factory.mktemp("shared")
    if getattr(request, "param", "embedded") == "embedded":
        with ServerProcess(directory / "data") as process:
            yield process
    else:
        with (
            Door(directory / "door") as clickhouse,
            spanhouse_on(clickhouse.url("spans"), directory, "data") as process,
        ):
            yield process
