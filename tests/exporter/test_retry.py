import random

import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_exporter.retry import Answer, Backoff
from spanhouse_exporter.status_details import retry_delay

CODES = {
    "CANCELLED": True,
    "DEADLINE_EXCEEDED": True,
    "ABORTED": True,
    "OUT_OF_RANGE": True,
    "UNAVAILABLE": True,
    "DATA_LOSS": True,
    "UNKNOWN": False,
    "INVALID_ARGUMENT": False,
    "NOT_FOUND": False,
    "ALREADY_EXISTS": False,
    "PERMISSION_DENIED": False,
    "UNAUTHENTICATED": False,
    "RESOURCE_EXHAUSTED": False,
    "FAILED_PRECONDITION": False,
    "UNIMPLEMENTED": False,
    "INTERNAL": False,
}


def packed(message) -> Any:
    detail = Any()
    detail.Pack(message)
    return detail


def retry_info(seconds: int, nanos: int = 0) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = seconds, nanos
    return info


@pytest.mark.parametrize(("code", "retryable"), CODES.items())
def test_which_codes_are_retried(code, retryable):
    """OTLP, "Failures": the table, and RESOURCE_EXHAUSTED only with RetryInfo."""
    assert Answer(code).retryable is retryable
    assert Answer(code, retry_delay=0.0).retryable is (retryable or code == "RESOURCE_EXHAUSTED")


@given(st.integers(-(2**40), 2**40), st.integers(-999_999_999, 999_999_999))
def test_the_delay_is_read_as_the_official_classes_write_it(seconds, nanos):
    """OTLP, "OTLP/gRPC Throttling": google.rpc.RetryInfo in an Any in google.rpc.Status, among other details."""
    status = Status(
        code=14, message="busy", details=[packed(DebugInfo(detail="x")), packed(retry_info(seconds, nanos))]
    )
    found = retry_delay(status.SerializeToString())
    if seconds < 0 or nanos < 0:
        assert found == 0
    else:
        assert found == pytest.approx(seconds + nanos / 1e9)


def test_a_status_without_a_delay():
    """No RetryInfo is None; one that names no delay asks for none."""
    assert retry_delay(Status(code=14, details=[packed(DebugInfo(detail="x"))]).SerializeToString()) is None
    assert retry_delay(Status(details=[packed(RetryInfo())]).SerializeToString()) == 0
    assert retry_delay(b"") is None


@given(st.binary(max_size=60))
def test_any_trailer_is_read_without_harm(trailer):
    """What a receiver sends is not ours to choose."""
    assert (found := retry_delay(trailer)) is None or found >= 0


def test_waits_are_drawn_from_a_range_that_doubles():
    """OTLP, "Failures": exponential backoff with jitter; RetryInfo is the least, and the growth starts from it."""
    rounds = [[backoff.next_wait() for _ in range(12)] for backoff in (Backoff() for _ in range(1000))]
    ceilings = [max(waits) for waits in zip(*rounds, strict=True)]
    for number, ceiling in enumerate(ceilings):
        expected = min(0.2 * 2**number, 30)
        assert 0.9 * expected < ceiling <= expected
    assert min(waits[8] for waits in rounds) < 1  # the whole range, not its upper half
    backoff = Backoff()
    assert [backoff.next_wait(4) >= 4 for _ in range(5)] == [True] * 5
    assert max(Backoff().next_wait(4) for _ in range(300)) > 7


def test_the_hosts_random_numbers_are_its_own():
    """A program that seeds `random` to be repeatable is, whatever waits are drawn in its process."""
    random.seed(1)
    alone = [random.random() for _ in range(3)]
    random.seed(1)
    beside = []
    for _ in range(3):
        Backoff().next_wait()
        beside.append(random.random())
    assert beside == alone
