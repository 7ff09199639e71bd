"""Servers for tests from end to end, over each kind of store where that could make a difference."""

from collections.abc import Iterator

import pytest
from clickhouse_servers import Door, spanhouse_on
from harness import ServerProcess

# Modules whose tests are run with a server over the embedded engine, and again with one over a ClickHouse server.
OVER_BOTH = {"test_bad_input", "test_client"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shared_server" in metafunc.fixturenames and metafunc.module.__name__ in OVER_BOTH:
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
