"""The query client against a server that does what no real one can be made to do on demand."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import get_type_hints

import pytest
from held_ports import held_port
from scripted_http import Scripted

import spanhouse
from spanhouse.query import InvalidQuestion, NotFound, QueryError, TimedOut, Unauthorized, Unavailable
from spanhouse.query.answer import unix_ns
from spanhouse.query.asking import Asking
from spanhouse.query.rows import FunctionRow, RecordedSpan, SpansAnswer

ROW = dict.fromkeys(FunctionRow.__dataclass_fields__, 1) | {"service": "shop", "name": "buy"}
ANSWER = {"source": "raw", "accuracy": "exact", "from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:01.000000002Z"}


def document(*rows, **more):
    return ANSWER | {"notes": [], "rows": list(rows)} | more


def ok(*rows, **more):
    return (200, document(*rows, **more), {})


def refusal(status, **problem):
    return (status, {"error": {"parameter": None, "message": "no"} | problem}, {})


def test_an_answer_is_typed_and_what_is_new_is_left_out():
    """Rows by field, the window to the nanosecond; a field that this client does not know is no error."""
    with Scripted(ok(ROW | {"news": 1}, news=2)) as server, spanhouse.Client(server.url) as client:
        answer = client.functions()
    assert answer.rows == (FunctionRow(**ROW),)
    assert (answer.from_ns, answer.to_ns, answer.source, answer.notes) == (0, 1_000_000_002, "raw", ())


def test_parameters_are_written_as_the_server_reads_them():
    with Scripted(ok()) as server, spanhouse.Client(server.url + "/below/", timeout=5) as client:
        client.percentiles(
            since=datetime(2026, 1, 5, 10, tzinfo=UTC),
            until=timedelta(minutes=5),
            name="a b&c",
            exact=True,
            levels=["p50", "p99"],
            limit=3,
        )
        path = server.seen[0].path
    assert path == (
        "/below/api/v1/percentiles?since=2026-01-05T10%3A00%3A00%2B00%3A00&until=300s&name=a+b%26c&exact=true"
        "&levels=p50%2Cp99&limit=3&timeout=5000ms"
    )


def test_what_is_in_the_path_cannot_leave_it():
    request = Asking("GET", "/trace/{trace_id}", SpansAnswer, FunctionRow).request({"trace_id": "../x?y"}, 1)
    assert request.target == "/api/v1/trace/..%2Fx%3Fy?timeout=1000ms"


def test_the_token_is_sent_and_connections_are_kept():
    with Scripted(ok()) as server, spanhouse.Client(server.url, token="secret") as client:
        for _ in range(5):
            client.services()
        assert server.connections == 1
        assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer secret"] * 5


def test_compressed_answers_are_read():
    body = gzip.compress(json.dumps(document(ROW)).encode())
    with Scripted((200, body, {"Content-Encoding": "gzip"})) as server, spanhouse.Client(server.url) as client:
        assert client.functions().rows == (FunctionRow(**ROW),)
        assert server.seen[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, parameter="since", message="since: bad", column=3), InvalidQuestion),
        (refusal(401), Unauthorized),
        (refusal(403), Unauthorized),
        (refusal(404), NotFound),
        (refusal(429), Unavailable),
        (refusal(503), Unavailable),
        (refusal(504), TimedOut),
        (refusal(418), QueryError),
        ((502, b"<html>Bad gateway", {}), Unavailable),
        ((200, b"<html>hello", {}), QueryError),
        ((200, {"rows": [{}]}, {}), QueryError),
    ],
)
def test_every_refusal_is_an_error_of_its_own(answer, kind):
    """Also what a proxy says in its own words, and what is no answer at all; all are SpanhouseErrors."""
    with Scripted(answer) as server, spanhouse.Client(server.url) as client, pytest.raises(QueryError) as refused:
        client.functions()
    assert type(refused.value) is kind
    assert isinstance(refused.value, spanhouse.SpanhouseError)
    if kind is InvalidQuestion:
        assert (refused.value.parameter, refused.value.column, str(refused.value)) == ("since", 3, "since: bad")
    if answer[0] == 502:
        assert str(refused.value) == "HTTP 502: <html>Bad gateway"


@pytest.mark.parametrize("status", [429, 503])
def test_asks_again_when_the_server_says_so(status):
    """After as long as it says; and no more often than was asked for, nor beyond the timeout."""
    later = (status, {"error": {"message": "busy"}}, {"Retry-After": "0"})
    with Scripted(later, later, ok()) as server, spanhouse.Client(server.url) as client:
        client.services()
        assert len(server.seen) == 3
    with Scripted(later) as server, spanhouse.Client(server.url, retries=2) as client:
        with pytest.raises(Unavailable, match="busy"):
            client.services()
        assert len(server.seen) == 3
    much_later = (status, {"error": {"message": "busy"}}, {"Retry-After": "60"})
    with Scripted(much_later) as server, spanhouse.Client(server.url, timeout=5) as client:
        with pytest.raises(Unavailable):
            client.services()
        assert len(server.seen) == 1


def test_a_connection_that_the_server_closed_is_opened_again():
    """It had no other way to say that it would."""
    with Scripted(ok()) as server, spanhouse.Client(server.url) as client:
        server.hang_up = True
        for _ in range(3):
            client.services()
        assert (server.connections, len(server.seen)) == (3, 3)


def test_nobody_there_is_unavailable():
    with (
        held_port() as port,
        spanhouse.Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(Unavailable, match=f"127.0.0.1:{port}"),
    ):
        client.services()


def test_a_server_that_never_answers_times_out(monkeypatch):
    monkeypatch.setattr("spanhouse.query.exchange._GRACE_SECONDS", 0.0)
    with Scripted(("hang", b"", {})) as server, spanhouse.Client(server.url, timeout=0.2) as client:
        with pytest.raises(TimedOut, match=r"did not answer within 0\.2 s"):
            client.services()
        assert server.gone.wait(30)


def test_a_cancelled_task_withdraws_its_question():
    """The server sees the connection end, long before any timeout, and the thread is free again."""

    async def ask(server):
        async with spanhouse.AsyncClient(server.url) as client:
            asked = asyncio.create_task(client.services())
            async with asyncio.timeout(30):
                while not server.seen:
                    await asyncio.sleep(0.01)
                asked.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asked
                assert await asyncio.to_thread(server.gone.wait, 30)
            server.script = [ok(ROW)]
            assert (await client.functions()).rows == (FunctionRow(**ROW),)

    with Scripted(("hang", b"", {})) as server:
        asyncio.run(ask(server))


def span(number):
    """One row of `spans`, all of whose fields are there, whichever they are."""
    empty = {str: "", int: number}
    row = {name: empty.get(hint, {}) for name, hint in get_type_hints(RecordedSpan).items()}
    event = {"name": "e", "time_unix_ns": 1, "attributes": {"a": "b"}}
    return row | {"name": f"s{number}", "events": [event], "links": []}


def test_each_span_follows_the_cursor():
    """In both clients, asking for the next answer only when it is needed."""
    script = (ok(span(1), span(2), next="c1"), ok(span(3), next=""))
    with Scripted(*script) as server, spanhouse.Client(server.url) as client:
        each = client.each_span(service="shop", limit=2)
        assert (next(each).name, len(server.seen)) == ("s1", 1)
        assert [row.name for row in each] == ["s2", "s3"]
        assert ["cursor=c1" in seen.path for seen in server.seen] == [False, True]

    async def names(server):
        async with spanhouse.AsyncClient(server.url) as client:
            return [row.events[0].name + row.name async for row in client.each_span()]

    with Scripted(*script) as server:
        assert asyncio.run(names(server)) == ["es1", "es2", "es3"]


def test_deleting_is_never_tried_again():
    """It may have been done already."""
    later = (429, {"error": {"message": "busy"}}, {"Retry-After": "0"})
    with Scripted(later) as server, spanhouse.Client(server.url) as client:
        with pytest.raises(Unavailable):
            client.delete("1h")
        assert [seen.command for seen in server.seen] == ["DELETE"]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("127.0.0.1:4318", {}),
        ("ftp://x", {}),
        ("http://", {}),
        ("http://h:port", {}),
        ("http://u:p@h", {}),
        ("http://h", {"ca": "x.pem"}),
        ("https://h", {"ca": "/nowhere.pem"}),
    ],
)
def test_nonsense_is_refused_at_once(url, options):
    with pytest.raises(spanhouse.ConfigurationError, match="Client"):
        spanhouse.Client(url, **options)


def test_nanoseconds_survive():
    assert unix_ns("2026-01-05T10:00:00.000000001Z") == 1_767_607_200_000_000_001
    assert unix_ns("2026-01-05T10:00:00Z") == 1_767_607_200_000_000_000


def test_rows_become_a_dataframe():
    """Parts of a field in columns of their own, times as timestamps to the nanosecond."""
    pandas = pytest.importorskip("pandas")
    rows = [
        {
            "start_unix_ns": 1_767_607_200_000_000_001 + n,
            "end_unix_ns": 2,
            "calls": n,
            "errors": 0,
            "total_ns": 7,
            "mean_ns": 3.5,
            "percentiles_ns": {"p50": 3},
        }
        for n in range(2)
    ]
    with Scripted(ok(*rows)) as server, spanhouse.Client(server.url) as client:
        frame = client.series().to_pandas()
    assert list(frame.columns) == ["start", "end", "calls", "errors", "total_ns", "mean_ns", "percentiles_ns.p50"]
    assert frame["start"][1] == pandas.Timestamp(1_767_607_200_000_000_002, tz="UTC")
    with Scripted(ok()) as server, spanhouse.Client(server.url) as client:
        assert len(client.series().to_pandas()) == 0


def test_an_answer_of_an_older_server_is_told_from_a_wrong_one():
    """Fields that it does not know cannot be made up."""
    older = {name: value for name, value in ROW.items() if name != "p95_ns"}
    told = pytest.raises(QueryError, match=r"older server: .*p95_ns")
    with Scripted(ok(older)) as server, spanhouse.Client(server.url) as client, told:
        client.functions()
