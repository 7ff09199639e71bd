"""Fixtures that start the real server."""

import os
from collections.abc import Iterator

import patient_examples  # noqa: F401 - for every test of these folders
import pytest
from harness import ServerProcess

# Tests neither write into the user's own spool nor deliver what they find there; those about spools name their own.
os.environ["SPANHOUSE_SPOOL"] = "off"


@pytest.fixture
def server(tmp_path) -> Iterator[ServerProcess]:
    """A running server over an empty directory, for this test alone."""
    with ServerProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A running server for a module whose tests tell their spans apart by service name."""
    with ServerProcess(tmp_path_factory.mktemp("shared") / "data") as process:
        yield process
