"""`spanhouse.EventsClient` against servers that do what no real one can be made to do on demand."""

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from harness import PATIENCE_SECONDS
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_receiver import attributes
from scripted_http import Scripted

import spanhouse
from spanhouse.events import EventsRefused, InvalidEvent
from spanhouse.query import InvalidQuestion, QueryError, TimedOut, Unauthorized, Unavailable

NOWHERE = "http://127.0.0.1:9"
TAKEN = (200, b"", {})


def refusal(status, message, **headers):
    """An error of OTLP/HTTP: google.rpc.Status, whose message is field 2."""
    return (status, b"\x12" + bytes((len(message),)) + message.encode(), headers)


def put_to(server):
    """The events of the requests that a server has seen, by stream."""
    found = {}
    for seen in server.seen:
        request = ExportLogsServiceRequest.FromString(seen.body)
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                assert scope.scope.name == "spanhouse.events"
                for record in scope.log_records:
                    found.setdefault(record.event_name, []).append(record.body.string_value)
    return found


def test_a_put_is_one_request_and_says_how_many():
    """To the path of OTLP logs, with the token and the namespace, under the service that was given."""
    with Scripted(TAKEN) as server:
        options = {"token": "secret", "namespace": "shop", "service": "till"}
        with spanhouse.EventsClient(server.url + "/below/", **options) as client:
            assert client.put({"a": [{"n": 1}, {"n": 2}], "b": [{"n": 3}], "c": []}) == {"a": 2, "b": 1, "c": 0}
            assert client.flush(0)
            assert (client.status().exported, client.status().requests) == (3, 1)
        (seen,) = server.seen
        assert (seen.command, seen.path) == ("POST", "/below/v1/logs")
        assert seen.headers["Authorization"] == "Bearer secret"
        assert seen.headers["X-Spanhouse-Namespace"] == "shop"
        assert seen.headers["Content-Type"] == "application/x-protobuf"
        assert put_to(server) == {"a": ['{"n":1}', '{"n":2}'], "b": ['{"n":3}']}
        (resource,) = ExportLogsServiceRequest.FromString(seen.body).resource_logs
        assert attributes(resource.resource)["service.name"] == "till"


def test_nothing_to_put_is_no_request():
    with Scripted(TAKEN) as server, spanhouse.EventsClient(server.url) as client:
        assert client.put({}) == {}
        assert client.put({"a": []}) == {"a": 0}
        assert server.seen == []


def test_what_is_no_event_is_not_sent():
    """Nothing of such a put is, whatever the client's kind."""
    for blocking in (True, False):
        with Scripted(TAKEN) as server, spanhouse.EventsClient(server.url, blocking=blocking) as client:
            with pytest.raises(InvalidEvent, match="a, event 1"):
                client.put({"a": [{"n": 1}, {"n": object()}]})
            assert client.flush(PATIENCE_SECONDS)
            assert server.seen == []


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (refusal(401, "no token"), Unauthorized, "no token"),
        (refusal(403, "may not write"), Unauthorized, "may not write"),
        (refusal(404, "not here"), QueryError, "not here"),
        (refusal(413, "more than 9 bytes"), QueryError, "larger than the server takes: more than 9 bytes"),
        (refusal(429, "busy"), Unavailable, "busy"),
        (refusal(503, "stopping", **{"Retry-After": "60"}), Unavailable, "stopping"),
        ((500, b"<html>", {}), QueryError, "<html>"),
        ((502, b"", {}), Unavailable, "HTTP 502"),
        ((200, bytes.fromhex("0a07080212036f6c64"), {}), EventsRefused, "old"),  # 2 refused: "old"
    ],
)
def test_a_put_that_is_not_stored_says_why(answer, error, message):
    """In the server's words, as an error of its kind."""
    with (
        Scripted(answer) as server,
        spanhouse.EventsClient(server.url, timeout=5) as client,
        pytest.raises(error, match=message) as caught,
    ):
        client.put({"a": [{"n": 1}, {"n": 2}, {"n": 3}]})
    assert type(caught.value) is error
    if error is EventsRefused:
        assert caught.value.refused == 2
        assert client.status().exported == 1


def test_a_put_with_nobody_there():
    with spanhouse.EventsClient(NOWHERE, timeout=5) as client, pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        client.put({"a": [{"n": 1}]})


def test_a_put_is_given_its_time():
    """A server that does not answer is waited for as long as was said, and a little."""
    with Scripted(("hang", b"", {})) as server, spanhouse.EventsClient(server.url, timeout=0.2, retries=0) as client:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            client.put({"a": [{"n": 1}]})
        assert time.monotonic() - started < 30


def test_a_put_that_is_asked_for_again_is_the_same_bytes():
    """So that a server which has stored it all the same stores it once."""
    again = refusal(503, "busy", **{"Retry-After": "0"})
    with Scripted(again, again, TAKEN) as server, spanhouse.EventsClient(server.url) as client:
        client.put({"a": [{"n": 1}]})
        assert len(server.seen) == 3
        assert len({seen.body for seen in server.seen}) == 1


def test_a_large_put_is_several_requests():
    """None larger than receivers take; an error in the middle says how much is stored."""
    events = [{"n": number, "text": "x" * 100_000} for number in range(100)]
    with Scripted(TAKEN) as server, spanhouse.EventsClient(server.url) as client:
        client.put({"a": events})
        assert len(server.seen) > 1
        assert max(len(seen.body) for seen in server.seen) < 4 << 20
        assert len(put_to(server)["a"]) == 100
    with (
        Scripted(TAKEN, refusal(500, "broken")) as server,
        spanhouse.EventsClient(server.url) as client,
        pytest.raises(QueryError, match="broken") as caught,
    ):
        client.put({"a": events})
    (note,) = caught.value.__notes__
    assert note == f"{client.status().exported} of the 100 events of this put are stored"


def test_a_client_that_does_not_block():
    """A put returns at once; flush waits until all is stored, each once, and drops are counted."""
    with Scripted(TAKEN) as server, spanhouse.EventsClient(server.url, blocking=False) as client:
        for number in range(1000):
            assert client.put({"a": [{"n": number}]}) == {"a": 1}
        assert client.flush(PATIENCE_SECONDS)
        assert sorted(put_to(server)["a"]) == sorted(f'{{"n":{number}}}' for number in range(1000))
        assert (client.status().exported, client.status().failed, client.status().queued) == (1000, 0, 0)
        assert len(server.seen) < 100


def test_a_full_queue_drops_and_counts():
    """Bounded by bytes, also when the server does not answer; whatever was put is accounted for."""
    with Scripted(("hang", b"", {})) as server:
        client = spanhouse.EventsClient(server.url, blocking=False, capacity_bytes=100_000)
        for number in range(5000):
            client.put({"a": [{"n": number, "text": "x" * 100}]})
        found = client.status()
        assert found.dropped["queue_full"] > 0
        assert found.queued + found.failed == 5000
        assert not client.flush(0.1)
        assert not client.close(0.1)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while client.status().failed < 5000 and time.monotonic() < give_up:
            time.sleep(0.05)
        assert client.status().failed == 5000


def test_busy_servers_and_refusals_in_the_background():
    """What is asked for again is sent again with the same bytes; what is refused for good is counted."""
    again = refusal(429, "busy", **{"Retry-After": "0"})
    script = [again, TAKEN, refusal(400, "no"), (200, bytes.fromhex("0a07080112036f6c64"), {})]
    with Scripted(*script) as server, spanhouse.EventsClient(server.url, blocking=False) as client:
        client.put({"a": [{"n": 1}]})
        assert client.flush(PATIENCE_SECONDS)
        assert (client.status().exported, client.status().failed) == (1, 0)
        assert server.seen[0].body == server.seen[1].body
        client.put({"a": [{"n": 2}]})
        assert client.flush(PATIENCE_SECONDS)
        assert dict(client.status().dropped) == {"export_failed": 1}
        client.put({"a": [{"n": 3}, {"n": 4}]})
        assert client.flush(PATIENCE_SECONDS)
        assert dict(client.status().dropped) == {"export_failed": 1, "rejected": 1}


def test_a_request_that_is_too_large_is_halved():
    """Until the server takes it."""
    too_large = refusal(413, "too much")
    script = [too_large, TAKEN, TAKEN]
    with Scripted(*script) as server, spanhouse.EventsClient(server.url, blocking=False) as client:
        client.put({"a": [{"n": number} for number in range(10)]})
        assert client.flush(PATIENCE_SECONDS)
        assert len(server.seen) == 3
        assert (client.status().exported, client.status().failed) == (10, 0)


def test_destinations_do_not_share_a_spool(tmp_path, monkeypatch, port):
    """What waits for one server, namespace or token is delivered to no other, but by the next client of the same."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
    url = f"http://127.0.0.1:{port}"
    for number, options in enumerate([{}, {"namespace": "shop"}, {"token": "secret"}]):
        with spanhouse.EventsClient(url, blocking=False, **options) as client:
            client.put({"a": [{"n": number}]})
            assert client.flush(PATIENCE_SECONDS)
            assert client.status().spooled == 1
    folders = list((tmp_path / "events").iterdir())
    assert len(folders) == 3
    assert not [folder for folder in folders if "secret" in folder.name]
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT")  # who is there is waited for
    with Scripted(TAKEN, address=("127.0.0.1", port)) as server:
        with spanhouse.EventsClient(url, blocking=False, namespace="shop") as client:
            client.put({"a": [{"n": "new"}]})
            give_up = time.monotonic() + 60
            while client.status().replayed < 1 and time.monotonic() < give_up:
                client.flush(1)
                time.sleep(0.05)
        assert sorted(put_to(server)["a"]) == ['{"n":"new"}', '{"n":1}']
        assert {seen.headers["X-Spanhouse-Namespace"] for seen in server.seen} == {"shop"}


def test_many_threads():
    """Each event once."""
    with Scripted(TAKEN) as server, spanhouse.EventsClient(server.url, blocking=False) as client:

        def work(thread):
            for number in range(200):
                client.put({"a": [{"n": number, "thread": thread}]})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert spanhouse.flush(PATIENCE_SECONDS)
        bodies = put_to(server)["a"]
        assert len(bodies) == len(set(bodies)) == 1000


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "localhost:4318"}, "localhost:4318"),
        ({"namespace": "a\r\nX: y"}, "namespace="),
        ({"blocking": False, "capacity_bytes": 0}, "capacity_bytes="),
        ({"blocking": False, "capacity_bytes": "1 MiB"}, "capacity_bytes="),
    ],
)
def test_options_that_make_no_sense(options, problem):
    with pytest.raises(spanhouse.ConfigurationError, match=problem):
        spanhouse.EventsClient(**options)


def page(*numbers, following=""):
    """An answer of the question events."""
    rows = [
        {"id": f"{number:032x}", "time_unix_ns": number, "service": "", "trace_id": "", "span_id": ""}
        | {"event": {"@id": f"{number:032x}", "n": number}}
        for number in numbers
    ]
    window = {"from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:01Z"}
    return (200, {"source": "raw", "accuracy": "exact", **window, "notes": [], "next": following, "rows": rows}, {})


def asked(seen):
    return {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items() if name != "timeout"}


def test_pages_follow_each_other_over_broken_connections():
    """What is asked is the same each time but for the cursor; a page that did not come is asked for again."""
    busy, gone = (503, {"error": {"message": "busy"}}, {}), ("hang up", b"", {})
    with (
        Scripted(page(1, 2, following="c1"), busy, gone, page(3, following="c2"), page(4)) as server,
        spanhouse.EventsClient(server.url, namespace="shop") as client,
    ):
        reading = client.get("s", "1h", order="newest", limit=10, start_id="ab", filter="attr.n>0")
        assert server.seen == []
        assert [event["n"] for event in reading] == [1, 2, 3, 4]
        first, *rest = map(asked, server.seen)
        same = {"stream": "s", "since": "1h", "order": "newest", "after_id": "ab", "filter": "attr.n>0"}
        assert first == same | {"limit": "10"}
        assert rest == [same | {"limit": "8", "cursor": "c1"}] * 3 + [same | {"limit": "7", "cursor": "c2"}]
        assert {seen.headers["X-Spanhouse-Namespace"] for seen in server.seen} == {"shop"}


def test_a_reading_ends_with_the_patience_or_with_an_error():
    """Nobody there for the whole of `timeout` is Unavailable; what is no question is InvalidQuestion at once."""
    with spanhouse.EventsClient(NOWHERE, timeout=0.5) as client, pytest.raises(Unavailable):
        list(client.get("s"))
    wrong = (400, {"error": {"message": "no such filter", "parameter": "filter"}}, {})
    with Scripted(wrong) as server, spanhouse.EventsClient(server.url) as client:
        with pytest.raises(InvalidQuestion, match="no such filter"):
            list(client.get("s", filter="?"))
        assert len(server.seen) == 1
