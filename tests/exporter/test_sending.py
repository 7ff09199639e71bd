import logging
import subprocess
import sys
import threading
import time
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from harness import clean_environment
from otlp_receiver import Receiver, ask_to_wait, receiving

from spanhouse_exporter.delivery import Delivery
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.sender import GrpcSender
from spanhouse_exporter.settings import ExporterSettings
from spanhouse_exporter.signals import TRACES

sys.path.insert(0, str(Path(__file__).parent))
from pipelines import certificates, ids, pipeline_to, span


def delivering(endpoint: str, **settings) -> Delivery:
    chosen = ExporterSettings(endpoint=endpoint, **settings)
    return Delivery(chosen, GrpcSender(chosen), None)


def failing(code: grpc.StatusCode, times: int = 1, delay: float | None = None):
    """(answers that code so often and then takes everything, the requests seen with their times)"""
    seen: list[tuple[float, bytes]] = []

    def respond(request, context):
        seen.append((time.monotonic(), request))
        if len(seen) <= times:
            if delay is not None:
                ask_to_wait(context, code, delay)
            context.abort(code, "not now")
        return b""

    return respond, seen


@pytest.mark.parametrize(
    "code", ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]
)
def test_a_retryable_code_gets_the_same_bytes_again(code):
    """OTLP, "Failures": retried; encoded once, so that a receiver can recognise a repeated delivery."""
    respond, seen = failing(grpc.StatusCode[code], times=2)
    with receiving(respond) as receiver:
        assert delivering(receiver.endpoint).deliver(b"request").ok
        assert [request for _at, request in seen] == [b"request"] * 3


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "UNIMPLEMENTED", "INTERNAL", "RESOURCE_EXHAUSTED"]
)
def test_another_code_is_final(code):
    """OTLP, "Failures": not retried, dropped and counted; nothing is spooled that would be refused for ever."""
    respond, seen = failing(grpc.StatusCode[code], times=99)
    with receiving(respond) as receiver, pipeline_to(receiver.endpoint) as (pipeline, intake):
        intake.put(span(1))
        assert pipeline.flush(20)
        assert (len(seen), dict(pipeline.status().dropped)) == (1, {"export_failed": 1})


def test_the_servers_delay_is_waited_for():
    """OTLP, "OTLP/gRPC Throttling": RESOURCE_EXHAUSTED with RetryInfo is retried, no sooner than it says."""
    respond, seen = failing(grpc.StatusCode.RESOURCE_EXHAUSTED, delay=0.7)
    with receiving(respond) as receiver:
        assert delivering(receiver.endpoint).deliver(b"request").ok
    (first, _), (second, _) = seen
    assert second - first >= 0.7


def test_one_deadline_for_all_attempts(attempts):
    """OTLP exporter: the timeout is of the whole export; a wait that would overrun it is not begun."""
    respond, _ = failing(grpc.StatusCode.UNAVAILABLE, times=99)
    with receiving(respond) as receiver:
        delivery = delivering(receiver.endpoint, timeout_seconds=2.0)
        started = time.monotonic()
        assert delivery.deliver(b"request").ok is False
        assert time.monotonic() - started < 20  # all 99 attempts, with their waits, take most of an hour
        assert len(attempts) > 1
        assert len({deadline for _request, deadline in attempts}) == 1
        respond_late, _ = failing(grpc.StatusCode.UNAVAILABLE, delay=600)
    with receiving(respond_late) as receiver:
        started = time.monotonic()
        assert not delivering(receiver.endpoint, timeout_seconds=60).deliver(b"request").ok
        assert time.monotonic() - started < 30


def test_a_receiver_that_never_answers_costs_the_timeout():
    """The attempt in progress is cut at the deadline too."""
    hold = threading.Event()
    with receiving(lambda _request, _context: hold.wait(60) and b"") as receiver:
        started = time.monotonic()
        assert not delivering(receiver.endpoint, timeout_seconds=0.5).deliver(b"request").ok
        assert time.monotonic() - started < 30
        hold.set()


def test_the_end_wakes_a_retry_that_waits():
    """Trace SDK, "Shutdown": a wait between attempts does not hold it up."""
    respond, seen = failing(grpc.StatusCode.UNAVAILABLE, times=99, delay=300)
    with receiving(respond) as receiver, pipeline_to(receiver.endpoint, timeout_seconds=600) as (pipeline, intake):
        intake.put(span(1))
        while not seen:
            time.sleep(0.01)
        threads = threading.active_count()
        started = time.monotonic()
        assert not pipeline.shutdown(60)
        assert time.monotonic() - started < 30
        assert threading.active_count() <= threads
        assert dict(pipeline.status().dropped) == {"shutdown": 1}


def test_a_warning_without_rejected_spans_is_a_full_success(caplog):
    """OTLP, "Partial Success": 0 rejected is success, the message a warning; an empty partial_success says nothing."""
    warning = b"\x0a\x06\x12\x04hint"
    with receiving(lambda _request, _context: warning) as receiver:
        assert delivering(receiver.endpoint).deliver(b"").rejected == 0
        assert "hint" in caplog.text
    caplog.clear()
    with receiving(lambda _request, _context: b"\x0a\x00") as receiver:
        assert delivering(receiver.endpoint).deliver(b"").ok
        assert not caplog.records


def test_several_requests_are_on_their_way_at_once():
    """OTLP, "OTLP/gRPC Concurrent Requests": bounded, and by one thread."""
    running, most, lock = 0, 0, threading.Lock()

    def respond(_request, _context):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.2)
        with lock:
            running -= 1
        return b""

    settings = {"max_batch_items": 512, "schedule_delay_seconds": 30}
    with receiving(respond) as receiver, pipeline_to(receiver.endpoint, **settings) as (pipeline, intake):
        for number in range(512 * 8):
            intake.put(span(number + 1))
        assert pipeline.flush(20)
        assert pipeline.status().requests >= 8
        assert 2 <= most <= 4
        assert ids(receiver) == list(range(1, 512 * 8 + 1))


def test_requests_are_split_at_the_byte_limit():
    """OTLP/gRPC Request: no request beyond the limit, and no span lost for it."""
    limit = {"max_batch_bytes": 64 * 1024}
    with receiving() as receiver, pipeline_to(receiver.endpoint, **limit) as (pipeline, intake):
        for number in range(100):
            intake.put(span(number + 1, padding=9_000))
        assert pipeline.flush(20)
        assert ids(receiver) == list(range(1, 101))
        assert max(map(len, receiver.raw)) < 64 * 1024 + 1000


def test_what_the_receiver_finds_too_large_is_halved():
    """GRPC's RESOURCE_EXHAUSTED for size is no reason to drop spans that fit by themselves."""

    def respond(request, context):
        if len(request) > 5_000:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9999 vs. 5000)")
        return b""

    with receiving(respond) as receiver, pipeline_to(receiver.endpoint) as (pipeline, intake):
        for number in range(300):
            intake.put(span(number + 1))
        intake.put(span(301, padding=6_000))
        assert pipeline.flush(20)
        assert ids(receiver) == list(range(1, 301))
        assert dict(pipeline.status().dropped) == {"too_large": 1}


def test_an_answer_too_long_to_read_is_an_answer():
    """OTLP exporter, "Size Limits": answers of more than 4 MiB are not read; what was sent is taken, once."""
    with receiving(lambda _request, _context: bytes(5 << 20)) as receiver, pipeline_to(receiver.endpoint) as parts:
        pipeline, intake = parts
        for number in range(10):
            intake.put(span(number + 1))
        assert pipeline.flush(20)
        assert ids(receiver) == list(range(1, 11))
        assert pipeline.status().exported == 10
        assert dict(pipeline.status().dropped) == {}


def test_headers_compression_and_user_agent():
    """OTLP exporter: metadata as configured, "User Agent" with exporter, language and version; gzip on the wire."""
    with receiving() as receiver:
        sizes = []
        for gzip in (False, True):
            headers = (("authorization", "Bearer x"), ("x", "1"))
            delivery = delivering(receiver.endpoint, headers=headers, gzip=gzip)
            assert delivery.deliver(b"a" * 100_000).ok
            sizes.append(receiver.metadata[-1])
            delivery.close()
        assert receiver.raw == [b"a" * 100_000] * 2
        for metadata in sizes:
            assert metadata["authorization"] == "Bearer x"
            assert metadata["user-agent"].startswith("OTel-OTLP-Exporter-spanhouse-python/")


@contextmanager
def receiving_with_tls(found: dict[str, bytes], *, mutual: bool):
    receiver = Receiver(lambda _request, _context: b"")
    handler = grpc.unary_unary_rpc_method_handler(receiver.handle)
    service, _, name = TRACES.method[1:].rpartition("/")
    with futures.ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
        pair = [(found["key"], found["certificate"])]
        credentials = grpc.ssl_server_credentials(pair, found["ca"] if mutual else None, require_client_auth=mutual)
        receiver.port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        try:
            yield receiver
        finally:
            server.stop(grace=0.2).wait()


@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize("client", [False, True])
def test_tls_and_mutual_tls(tmp_path, mutual, client):
    """OTLP exporter: `https` with the given roots, and the client's certificate where the receiver asks for one."""
    found = certificates(tmp_path)
    pair = {"client_key": found["key"], "client_certificate": found["certificate"]} if client else {}
    taken = client or not mutual
    with receiving_with_tls(found, mutual=mutual) as receiver:
        endpoint = f"https://localhost:{receiver.port}"
        delivery = delivering(endpoint, root_certificates=found["ca"], timeout_seconds=20 if taken else 3, **pair)
        assert delivery.deliver(b"request").ok is taken
        delivery.close()


def test_a_client_certificate_with_the_default_roots(tmp_path):
    """OTLP exporter: CLIENT_KEY and CLIENT_CERTIFICATE count without CERTIFICATE; all read from the environment."""
    found = certificates(tmp_path)
    script = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from spanhouse_exporter.span_exporter import SpanhouseExporter
exporter = SpanhouseExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
provider.get_tracer("t").start_span("n").end()
print(exporter.status().exported)
"""
    with receiving_with_tls(found, mutual=True) as receiver:
        environ = {
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(tmp_path / "ca"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{receiver.port}",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(tmp_path / "key"),
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": str(tmp_path / "certificate"),
        }
        command = [sys.executable, "-W", "error", "-c", script]
        done = subprocess.run(
            command, env=clean_environment(**environ), capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_server_that_restarts_is_found_again(port):
    """The channel reconnects, on the same port, within the request's own deadline."""
    delivery = delivering(f"http://127.0.0.1:{port}", timeout_seconds=20)
    with receiving(port=port):
        assert delivery.deliver(b"one").ok
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(delivery.deliver(b"two")))
    thread.start()
    time.sleep(0.5)
    handled = []
    service, _, name = TRACES.method[1:].rpartition("/")
    handler = grpc.unary_unary_rpc_method_handler(lambda request, _context: handled.append(request) or b"")
    with futures.ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        server.start()
        thread.join(30)
        server.stop(0).wait()
    assert handled == [b"two"]
    assert outcomes[0].ok


def test_news_is_logged_at_a_bounded_rate(caplog):
    """One line a minute of each kind, with the number kept back."""
    now = [0.0]
    notices = Notices(logging.getLogger("test"), lambda: now[0])
    for _ in range(1000):
        notices.warning("kind", "news %d", 1)
    notices.warning("other", "else")
    assert caplog.messages == ["news 1", "else"]
    now[0] = 61
    notices.warning("kind", "news %d", 2)
    assert caplog.messages[2:] == ["news 2 (999 more like this were not logged)"]
