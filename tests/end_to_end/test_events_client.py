"""`spanhouse.EventsClient` and a real server: what is put is read back, whatever happens to either meanwhile."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from held_ports import held_port

import spanhouse
from spanhouse.query import QueryError, Unauthorized, Unavailable
from spanhouse_backend.access.token_file import add_token
from spanhouse_backend.roles import Role

CLICKS = [
    {"user": 40, "num_clicks": 7, "shop": "north", "page": {"path": "/té", "depth": [1, {"a": None}]}},
    {"user": 42, "num_clicks": 2, "shop": "south", "paid": True, "ratio": 0.1, "gone": None},
    {"user": 40, "num_clicks": 1, "shop": "north", "text": 'quotes " and \\ and \n lines', "big": 1 << 70},
]


def client_of(server, **options):
    return spanhouse.EventsClient(f"http://{server.http}", **options)


def an_hour_ago():
    """Recent: what is older than the retention of logs is not kept."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def payloads(events):
    return [{key: value for key, value in event.items() if not key.startswith("@")} for event in events]


def program(server, text, **environ):
    """A program of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), f"http://{server.http}"],
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("blocking", [True, False])
def test_what_is_put_is_read_back(shared_server, blocking):
    """With types, nesting and nulls, in order, under streams of any name; and can be put again."""
    service = f"till {blocking}"
    clicks, copy, odd = f"clicks {blocking}", f"copy {blocking}", f'odd "name" \\ in ümlauts {blocking}'
    with client_of(shared_server, blocking=blocking, service=service) as events:
        assert events.put({clicks: CLICKS, odd: [{}]}) == {clicks: 3, odd: 1}
        assert events.flush(PATIENCE_SECONDS)
        found = list(events.get(clicks, "1h"))
        assert payloads(found) == CLICKS
        assert [event["@id"] for event in found] == sorted(event["@id"] for event in found)
        assert payloads(events.get(odd)) == [{}]
        assert [(row.name, row.count, row.services) for row in events.streams("1h", service=service)] == [
            (clicks, 3, (service,)),
            (odd, 1, (service,)),
        ]
        assert events.put({copy: found}) == {copy: 3}
        assert events.flush(PATIENCE_SECONDS)
        copied = list(events.get(copy))
        assert payloads(copied) == CLICKS
        assert [event["@time"] for event in copied] == [event["@time"] for event in found]


def test_windows_order_limit_and_resuming_after_an_id(shared_server):
    """`start` is included and `end` is not; `start_id` is where an earlier reading ended."""
    first = an_hour_ago()
    times = [first + timedelta(seconds=number) for number in range(10)]
    with client_of(shared_server) as events:
        events.put({"windows": [{"n": number, "@time": at} for number, at in enumerate(times)]})

        def numbers(*arguments, **options):
            return [event["n"] for event in events.get("windows", *arguments, **options)]

        assert numbers() == list(range(10))
        assert numbers(times[2], times[5]) == [2, 3, 4]
        assert numbers(order="newest", limit=3) == [9, 8, 7]
        assert numbers(limit=0) == []
        assert numbers(filter="attr.n>=8") == [8, 9]
        third = list(events.get("windows", limit=3))[-1]["@id"]
        assert numbers(start_id=third) == [3, 4, 5, 6, 7, 8, 9]
        assert numbers(start_id=third, order="newest") == [1, 0]
        assert numbers(start_id=third, limit=2) == [3, 4]


def test_more_events_than_a_page(shared_server):
    """Every one once, also those that are the same in everything."""
    with client_of(shared_server) as events:
        at = an_hour_ago()
        events.put({"pages": [{"n": number // 2, "@time": at} for number in range(2500)]})
        found = payloads(events.get("pages"))
        assert sorted(event["n"] for event in found) == sorted(number // 2 for number in range(2500))
        assert len(list(events.get("pages", limit=1500))) == 1500


def test_what_they_look_like(shared_server):
    """The schema is one that the events are valid by, and that others are not."""
    with client_of(shared_server) as events:
        events.put({"schema": CLICKS})
        schema = events.schema("schema")
        validator = jsonschema.Draft202012Validator(schema)
        for event in CLICKS:
            validator.validate(event)
        assert not validator.is_valid({"user": "ann"})


def test_figures(shared_server):
    """Counts, sums and percentiles by group, filtered and ordered, without SQL."""
    with client_of(shared_server) as events:
        events.put({"figures": CLICKS, "other figures": [{"num_clicks": 100}]})
        select = ["count", "sum(attr.num_clicks)", "p50(attr.num_clicks)"]
        rows = events.aggregate("figures", "1h", select=select, group="attr.shop").rows
        assert [(row.group["attr.shop"], row.figures["count"], row.figures[select[1]]) for row in rows] == [
            ("north", 2, 8),
            ("south", 1, 2),
        ]
        largest = {"select": "max(attr.num_clicks)", "group": "none", "filter": "attr.user=42"}
        (row,) = events.aggregate("figures", **largest).rows
        assert row.figures == {"max(attr.num_clicks)": 2}


def test_deleting(shared_server):
    """Events of one stream in one interval, with the count; others stay."""
    first = an_hour_ago()
    odd = 'odd "name" \\ x'
    with client_of(shared_server, service="deleting") as events:
        many = [{"n": number, "@time": first + timedelta(minutes=number)} for number in range(6)]
        events.put({odd: many, "other": many})
        assert events.delete(odd, first + timedelta(minutes=1), first + timedelta(minutes=4)) == 3
        assert [event["n"] for event in events.get(odd)] == [0, 4, 5]
        assert len(list(events.get("other"))) == 6
        assert events.delete(odd, first) == 3
        assert [row.name for row in events.streams(service="deleting")] == ["other"]


def test_events_of_a_captured_call_name_its_span(shared_server):
    """Beside log records, in the trace."""
    text = """
    import sys, spanhouse
    from opentelemetry import trace
    events = spanhouse.EventsClient(sys.argv[1], blocking=False)

    @spanhouse.capture
    def buy():
        events.put({"shop.buys": [{"user": 40}]})
        return f"{trace.get_current_span().get_span_context().trace_id:032x}"

    print(buy())
    assert spanhouse.flush(60)
    """
    trace_id = program(
        shared_server, text, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{shared_server.grpc}", OTEL_SERVICE_NAME="buyer"
    ).strip()
    with spanhouse.Client(f"http://{shared_server.http}") as client:
        (row,) = client.events("shop.buys").rows
        assert row.trace_id == trace_id
        assert [span.trace_id for span in client.spans(service="buyer").rows] == [trace_id]


def test_namespaces_are_apart(tmp_path):
    """What is put into one is in no other; one that there is not is an error that says so."""
    with ServerProcess(tmp_path / "data", "--namespaces", "red,blue") as server:
        for namespace in ("red", "blue", None):
            with client_of(server, namespace=namespace) as events:
                events.put({"s": [{"of": namespace}]})
        for namespace in ("red", "blue", None):
            with client_of(server, namespace=namespace) as events:
                assert payloads(events.get("s")) == [{"of": namespace}]
        with client_of(server, namespace="red") as events:
            assert events.delete("s", "0") == 1
        with client_of(server, namespace="blue") as events:
            assert len(list(events.get("s"))) == 1
        with client_of(server, namespace="green") as events:
            with pytest.raises(QueryError, match="green"):
                events.put({"s": [{}]})
            with pytest.raises(QueryError, match="green"):
                list(events.get("s"))


def test_tokens(tmp_path):
    """A token's roles hold for events: putting is write, getting is read, deleting is admin."""
    tokens = tmp_path / "tokens"
    given = {role: add_token(tokens, "--file", role, [Role(role)], "") for role in ("write", "read", "admin")}
    with ServerProcess(tmp_path / "data", "--tokens", str(tokens)) as server:
        with client_of(server, token=given["write"]) as events:
            assert events.put({"s": [{"n": 1}]}) == {"s": 1}
            with pytest.raises(Unauthorized):
                list(events.get("s"))
        with client_of(server, token=given["read"]) as events:
            assert payloads(events.get("s")) == [{"n": 1}]
            with pytest.raises(Unauthorized):
                events.put({"s": [{"n": 2}]})
            with pytest.raises(Unauthorized):
                events.delete("s", "0")
        with client_of(server) as events, pytest.raises(Unauthorized):
            events.put({"s": [{"n": 3}]})


def test_a_reading_goes_on_when_its_server_comes_back(tmp_path):
    """Killed in the middle of a stream and started again: every event once, in order."""
    with ServerProcess(tmp_path / "data") as server:
        with client_of(server, timeout=PATIENCE_SECONDS) as events:
            events.put({"s": [{"n": number} for number in range(2500)]})
            reading = events.get("s")
            found = [next(reading)["n"] for _ in range(1000)]
            server.process.kill()
            server.process.wait()
            server._arguments = ("--http", server.http)
            with held_port(server.http):
                starting = threading.Timer(0.5, server.start)
                starting.start()
                try:
                    found += [event["n"] for event in reading]
                finally:
                    starting.join()
        assert found == list(range(2500))
        server.process.kill()
        server.process.wait()
        with held_port(server.http), client_of(server, timeout=0.5) as events, pytest.raises(Unavailable):
            list(events.get("s"))


def test_a_server_that_is_killed_and_comes_back(tmp_path, monkeypatch):
    """A client that does not block puts on: what the server cannot take waits in the spool, and is stored once."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
    with ServerProcess(tmp_path / "data") as server, client_of(server, blocking=False) as events:
        for number in range(200):
            events.put({"s": [{"n": number}]})
        assert events.flush(PATIENCE_SECONDS)
        server.process.kill()
        server.process.wait()
        with held_port(server.http):
            for number in range(200, 400):
                events.put({"s": [{"n": number}]})
            assert events.flush(PATIENCE_SECONDS)
            assert events.status().spooled > 0
            server._arguments = ("--http", server.http)
            server.start()
        give_up = time.monotonic() + PATIENCE_SECONDS
        while events.status().exported + events.status().replayed < 400 and time.monotonic() < give_up:
            events.flush(1)
            time.sleep(0.1)
        assert events.status().failed == 0
        found = [event["n"] for event in events.get("s")]
        assert sorted(found) == list(range(400))


def test_at_the_end_of_a_program(shared_server):
    """What was put without waiting is stored, also by children, each event once, and by a client that nobody holds."""
    text = """
    import os, sys, spanhouse
    events = spanhouse.EventsClient(sys.argv[1], blocking=False)
    for number in range(100):
        events.put({"ends": [{"of": "parent", "n": number}]})
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            assert events.status().queued == 0
            for number in range(100):
                events.put({"ends": [{"of": child, "n": number}]})
            os._exit(0 if events.flush(60) else 1)
        assert os.waitpid(pid, 0)[1] == 0
    del events
    """
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    program(shared_server, text)
    with client_of(shared_server) as events:
        found = sorted((str(event["of"]), event["n"]) for event in events.get("ends"))
    assert found == sorted((of, number) for of in ("parent", "0", "1") for number in range(100))


def test_threads_that_deliver_import_nothing(shared_server):
    """A child that is forked while a thread of its parent imports a module may wait for that module for ever."""
    text = """
    import sys, threading, spanhouse
    events = spanhouse.EventsClient(sys.argv[1], blocking=False)
    imported = []

    class Watching:
        def find_spec(self, name, path=None, target=None):
            if threading.current_thread() is not threading.main_thread():
                imported.append(name)

    sys.meta_path.insert(0, Watching())
    events.put({"imports": [{"n": 1}]})
    assert events.flush(60)
    print(imported)
    """
    assert program(shared_server, text) == "[]\n"
