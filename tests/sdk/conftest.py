import os
from collections.abc import Iterator

import patient_examples  # noqa: F401 - as the conftest above, without which these tests are also run
import pytest
from held_ports import held_port
from otlp_receiver import receiving

import spanhouse

# Here too, because these tests are also run without the conftest above: nothing of theirs goes into the user's spool.
os.environ["SPANHOUSE_SPOOL"] = "off"
# What is asked of programs that end is what they deliver, also on machines that are busy with others.
os.environ["SPANHOUSE_EXIT_TIMEOUT"] = "20000"
# Calls captured in this process go where a test says, else nowhere: an export to the default endpoint would give up ten
# seconds later, in the middle of another test, with a warning that this one has not caused.
spanhouse.configure(export=False)


@pytest.fixture
def receiver():
    """A receiver to which everything captured in this test goes."""
    with receiving() as running:
        spanhouse.configure(service_name="client-tests", endpoint=running.endpoint)
        yield running
        spanhouse.shutdown(5)


@pytest.fixture
def port() -> Iterator[int]:
    """Where nobody listens until the test does, and nobody else can."""
    with held_port() as held:
        yield held
