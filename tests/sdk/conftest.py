import pytest
from otlp_receiver import receiving

import spanhouse


@pytest.fixture
def receiver():
    """A receiver to which everything captured in this test goes."""
    with receiving() as running:
        spanhouse.configure(service_name="client-tests", endpoint=running.endpoint)
        yield running
        spanhouse.shutdown(5)
