import os
from collections.abc import Iterator

import patient_examples  # noqa: F401 - as the conftest above, without which these tests are also run
import pytest
from held_ports import held_port

from spanhouse_exporter.sender import GrpcSender

# Also where these tests are run without the folder's above: nobody's own spool is written or delivered by a test.
os.environ["SPANHOUSE_SPOOL"] = "off"


@pytest.fixture
def port() -> Iterator[int]:
    """Where nobody listens until the test does, and nobody else can."""
    with held_port() as held:
        yield held


@pytest.fixture
def attempts(monkeypatch) -> list[tuple[bytes, float]]:
    """The request and the deadline of each attempt to send one, as they are begun."""
    begun = []
    start = GrpcSender.start

    def noting(sender, request, deadline, *, in_background):
        begun.append((request, deadline))
        return start(sender, request, deadline, in_background=in_background)

    monkeypatch.setattr(GrpcSender, "start", noting)
    return begun
