"""The port for ClickHouse's clients, asked byte by byte: what comes back is what ClickHouse's HTTP interface gives."""

import asyncio
import contextlib
import gzip
import json
import re
import socket
import threading
import time
import zlib

import httpx
import lz4.frame
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, resident_peak_bytes
from hostile_statements import HOSTILE
from otlp_requests import request

from spanhouse_backend.query.clickhouse_http.blocks import compressed, decompressed
from spanhouse_backend.query.zstd import zstd

PORT = ("--clickhouse-http", "127.0.0.1:0")
ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1e15)"
COUNT = "SELECT count() FROM otel_traces"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server with the port, and thirty spans of two services."""
    with ServerProcess(tmp_path_factory.mktemp("port") / "data", *PORT) as process:
        for service, calls in (("shop", 10), ("bank", 20)):
            assert process.export(request(service, [1000] * calls).SerializeToString())[0].name == "OK"
        yield process


def ask(server, body="", method="POST", headers=None, **parameters):
    url = f"http://{server.clickhouse_http}/"
    return httpx.request(
        method, url, content=body or None, params=parameters, headers=headers, timeout=PATIENCE_SECONDS
    )


def trouble(response):
    """An error's status and number, having made sure that it has ClickHouse's shape."""
    code = int(response.headers["X-ClickHouse-Exception-Code"])
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .+ \([A-Z_]+\)\n", response.text, re.DOTALL), response.text
    return response.status_code, code


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_probes_are_answered_as_clickhouse_answers_them(port, path):
    """With "Ok.", by GET and by HEAD."""
    url = f"http://{port.clickhouse_http}{path}"
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        assert client.get(url).text == "Ok.\n"
        assert (client.head(url).status_code, client.head(url).text) == (200, "")


def test_what_is_no_statement_is_told_so(port):
    """Another path, another method, and no statement at all."""
    url = f"http://{port.clickhouse_http}"
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        missing = client.get(f"{url}/dashboard")
        assert (missing.status_code, "There is no handle /dashboard" in missing.text) == (404, True)
        assert client.put(url, content="x").status_code == 405
        assert client.options(url).headers["Allow"] == "GET, HEAD, POST, OPTIONS"
        assert trouble(client.post(url)) == (400, 62)


def test_a_statement_comes_in_the_address_in_the_body_or_in_both(port):
    """Joined by a new line, so that a comment in the first ends there."""
    assert ask(port, method="GET", query=COUNT).text == "30\n"
    assert ask(port, COUNT).text == "30\n"
    assert ask(port, "FROM otel_traces", query="SELECT count() -- all").text == "30\n"
    assert ask(port, " ", query=COUNT).text == "30\n"


def test_the_format_is_the_statements_then_the_parameters_then_the_headers(port):
    """And TabSeparated when nobody says; the answer names it."""
    header = {"X-ClickHouse-Format": "CSV"}
    for expected, named, response in (
        ("x\ty\n", "TabSeparated", ask(port, "SELECT 'x', 'y'")),
        ('"x","y"\n', "CSV", ask(port, "SELECT 'x', 'y'", headers=header)),
        ('["x", "y"]\n', "JSONCompactEachRow", ask(port, "SELECT 'x', 'y'", default_format="JSONCompactEachRow")),
        ("('x','y')", "Values", ask(port, "SELECT 'x', 'y' FORMAT Values", headers=header, default_format="JSON")),
    ):
        assert (response.text, response.headers["X-ClickHouse-Format"]) == (expected, named)
    assert trouble(ask(port, "SELECT 1 FORMAT Protobuf")) == (404, 73)
    assert ask(port, "SELECT 1 AS a", default_format="Native").content == b"\x01\x01\x01a\x05UInt8\x01"
    empty = ask(port, "SELECT 1 WHERE 0", default_format="Native")
    assert (empty.content, empty.headers["Content-Length"]) == (b"", "0")


def test_answers_say_what_clients_look_for(port):
    """The query's id, the server's name and time zone, and what the statement read."""
    response = ask(port, "SELECT sum(Duration) FROM otel_traces", query_id="my/query-1")
    assert response.headers["X-ClickHouse-Query-Id"] == "my/query-1"
    assert response.headers["X-ClickHouse-Server-Display-Name"] == "spanhouse"
    assert response.headers["X-ClickHouse-Timezone"]
    summary = json.loads(response.headers["X-ClickHouse-Summary"])
    assert summary["read_rows"] == "30"
    assert int(summary["elapsed_ns"]) > 0
    assert re.fullmatch("[0-9a-f]{32}", ask(port, COUNT).headers["X-ClickHouse-Query-Id"])


def test_values_of_placeholders_are_read_as_clickhouse_reads_them(port):
    """Escaped as in TabSeparated; those that no placeholder asks for are left alone."""
    answer = ask(
        port,
        "SELECT {s:String} AS s, {a:Array(String)} AS a, {n:Nullable(UInt8)} AS n FORMAT JSONEachRow",
        param_s="it's\\na \\\\ tab:\\t",
        param_a="['a','b\\'c']",
        param_n="\\N",
        param_other="1",
    )
    assert answer.json() == {"s": "it's\na \\ tab:\t", "a": ["a", "b'c"], "n": None}
    assert trouble(ask(port, "SELECT {s:String}")) == (400, 457)
    assert trouble(ask(port, "SELECT {n:UInt8}", param_n="many")) == (400, 457)


def test_settings_bring_limits_down_and_never_up(port):
    """A lower limit stops the statement; a higher one, and none at all, leave the server's in force."""
    rows = "SELECT number FROM numbers(1000)"
    assert trouble(ask(port, rows, max_result_rows="999")) == (500, 396)
    assert trouble(ask(port, f"{rows} SETTINGS max_result_rows = 999")) == (500, 396)
    assert trouble(ask(port, ENDLESS, max_execution_time="0.3")) == (408, 159)
    limits = "SELECT name, value FROM system.settings WHERE name IN ('max_result_rows', 'max_memory_usage', 'readonly')"
    given = {"max_result_rows": "0", "max_memory_usage": str(10**15), "readonly": "0"}
    ours = {"max_result_rows": "1000000", "max_memory_usage": str(512 << 20), "readonly": "1"}
    assert dict(row.split("\t") for row in ask(port, limits, **given).text.splitlines()) == ours
    written = f"{limits} SETTINGS " + ", ".join(f"{name} = {value}" for name, value in given.items())
    assert dict(row.split("\t") for row in ask(port, written).text.splitlines()) == ours


def test_settings_that_change_how_an_answer_is_computed_or_written_go_through(port):
    """In the address and in a SETTINGS clause; what clients always send makes no difference."""
    big = "SELECT toUInt64(7) AS n FORMAT JSONEachRow"
    assert ask(port, big, output_format_json_quote_64bit_integers="1").json() == {"n": "7"}
    assert ask(port, f"{big} SETTINGS output_format_json_quote_64bit_integers = 1").json() == {"n": "7"}
    nulls = "SELECT b.x FROM (SELECT 1 AS k) a LEFT JOIN (SELECT 2 AS k, 3 AS x) b USING (k)"
    assert (ask(port, nulls).text, ask(port, nulls, join_use_nulls="1").text) == ("0\n", "\\N\n")
    habits = {"session_id": "s", "session_timeout": "60", "wait_end_of_query": "1", "log_comment": "x", "role": "r"}
    assert ask(port, "SELECT 1", **habits, client_protocol_version="54460", database="default").text == "1\n"


REFUSED_SETTINGS = [
    {"storage_file_read_method": "mmap"},
    {"format_schema": "x.proto:X"},
    {"output_format_schema": "/tmp/x"},
    {"format_template_row": "/etc/passwd"},
    {"additional_table_filters": "{'otel_traces': '1'}"},
    {"allow_introspection_functions": "1"},
    {"no_such_setting": "1"},
    {"max_threads; SELECT 1": "1"},
    {"query_cache_tag": "x"},
]


@pytest.mark.parametrize("setting", REFUSED_SETTINGS, ids=lambda setting: next(iter(setting)))
def test_other_settings_are_refused_by_name(port, setting):
    """Whatever is not known to be harmless."""
    response = ask(port, "SELECT 1", **setting)
    assert trouble(response) == (500, 452)
    assert next(iter(setting)) in response.text


BAD = [
    ("SELEC 1", {}, {}, 400, 62),
    ("SELECT * FROM no_such_table", {}, {}, 403, 497),
    ("SELECT no_such_column FROM otel_traces", {}, {}, 404, 47),
    ("SELECT 1; SELECT 2", {}, {}, 400, 62),
    ("SELECT 1", {"database": "other"}, {}, 404, 81),
    ("SELECT 1", {"query_id": "x" * 201}, {}, 400, 36),
    ("SELECT 1", {"query_id": "a\nb"}, {}, 400, 36),
    ("SELECT 1", {"max_result_rows": "many"}, {}, 400, 36),
    ("SELECT 1", {"default_format": "NoSuch"}, {}, 404, 73),
    (b"SELECT '\xff'", {}, {}, 400, 117),
    ("SELECT " + " " * 70_000, {}, {}, 413, 223),
    ("SELECT 1", {}, {"Content-Encoding": "gzip"}, 400, 117),
    (gzip.compress(b"SELECT 1", mtime=0)[:-5], {}, {"Content-Encoding": "gzip"}, 400, 117),
    (gzip.compress(b" " * 10_000_000, mtime=0), {}, {"Content-Encoding": "gzip"}, 413, 223),
    (b"SELECT 1", {}, {"Content-Encoding": "snappy"}, 501, 89),
    (b"--x\r\n", {}, {"Content-Type": "multipart/form-data; boundary=x"}, 501, 48),
    (b"SELECT 1", {"decompress": "1"}, {}, 400, 117),
    (compressed(b"SELECT 1")[:-1], {"decompress": "1"}, {}, 400, 117),
    (b"\0" + compressed(b"SELECT 1")[1:], {"decompress": "1"}, {}, 400, 117),
    ("SET max_threads = 1", {}, {}, 403, 497),
    ("INSERT INTO otel_traces (TraceId) VALUES ('a')", {}, {}, 403, 497),
]


@pytest.mark.parametrize(
    ("body", "parameters", "headers", "status", "code"),
    BAD,
    ids=[f"{bad[0][:20]!r} {bad[1] or bad[2]}"[:60] for bad in BAD],
)
def test_what_is_wrong_is_answered_as_clickhouse_answers_it(port, body, parameters, headers, status, code):
    """With the number, the name and the HTTP status that clients know; the next statement is answered."""
    response = ask(port, body, headers=headers, **parameters)
    assert trouble(response) == (status, code)
    assert ask(port, "SELECT 1").text == "1\n"


def test_a_parameter_that_is_given_twice_with_different_values_is_refused(port):
    """Nobody could say which of them counts."""
    url = f"http://{port.clickhouse_http}/?query=SELECT+1&query=SELECT+2"
    assert trouble(httpx.get(url, timeout=PATIENCE_SECONDS)) == (400, 36)


def test_hostile_statements_are_refused_here_as_everywhere(port, tmp_path):
    """The list that raw SQL is tested with; what only asks for higher limits is answered without them."""
    secret = "only-the-server-may-read-this"
    canary = tmp_path / "secret.txt"
    canary.write_text(secret)
    answered = []
    with httpx.Client(base_url=f"http://{port.clickhouse_http}", timeout=PATIENCE_SECONDS) as client:
        for statement in HOSTILE:
            aimed = statement.replace("CANARY", str(canary)).replace("TARGET", str(canary.with_name("written")))
            response = client.post("/", content=aimed, params={"param_x": "1", "param_d": "default", "param_t": "x"})
            assert secret not in response.text
            if response.status_code == 200:
                answered.append(statement)
            else:
                trouble(response)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert answered == [
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 0, max_result_rows = 0",
        "SELECT 1 FORMAT JSON SETTINGS max_threads = 64",
    ]


def _zlib(data):
    return zlib.decompress(data, 31)


@pytest.mark.parametrize(
    ("encoding", "unpack"), [("gzip", _zlib), ("zstd", zstd.decompress), ("lz4", lz4.frame.decompress)]
)
def test_answers_are_compressed_for_who_asks_as_clickhouse_wants_to_be_asked(port, encoding, unpack):
    """With enable_http_compression and Accept-Encoding; the header alone changes nothing."""
    statement = "SELECT number, 'x' FROM numbers(300000)"
    plain = ask(port, statement, headers={"Accept-Encoding": encoding})
    assert "Content-Encoding" not in plain.headers
    url = f"http://{port.clickhouse_http}/?enable_http_compression=1"
    with httpx.stream(
        "POST", url, content=statement, headers={"Accept-Encoding": encoding}, timeout=PATIENCE_SECONDS
    ) as packed:
        assert packed.headers["Content-Encoding"] == encoding
        data = b"".join(packed.iter_raw())
    assert len(data) < len(plain.content) / 2
    assert unpack(data) == plain.content


def test_clickhouses_own_compression_is_spoken_both_ways(port):
    """compress=1 gives blocks of LZ4, in small answers and in large ones; decompress=1 takes them."""
    for rows in (0, 1, 700_000):
        statement = f"SELECT number FROM numbers({rows})"
        packed = ask(port, compressed(statement.encode()), compress="1", decompress="1")
        assert decompressed(packed.content, 1 << 30) == ask(port, statement).content


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstd.compress, lz4.frame.compress])
def test_bodies_may_be_compressed(port, pack):
    """As Content-Encoding says; also in several members one behind the other."""
    name = {gzip.compress: "gzip", zlib.compress: "deflate", zstd.compress: "zstd"}.get(pack, "lz4")
    body = pack(COUNT[:10].encode()) + pack(COUNT[10:].encode())
    assert ask(port, body, headers={"Content-Encoding": name}).text == "30\n"


def test_a_query_id_that_runs_is_not_given_twice(port):
    """ClickHouse says so too, and lets it be used again afterwards."""

    def run():
        while ask(port, ENDLESS, query_id="one", max_execution_time="5").status_code == 500:
            pass  # the other one had the name: again

    running = threading.Thread(target=run)
    running.start()
    try:
        seen = set()
        while running.is_alive():
            seen.add(ask(port, "SELECT 1", query_id="one").status_code)
        assert 500 in seen
    finally:
        running.join()
    assert ask(port, "SELECT 1", query_id="one").text == "1\n"


def test_an_answer_of_any_size_is_streamed_in_little_memory(tmp_path):
    """Half a gigabyte of JSON, whole with its head and foot, through a server whose statements have 128 MiB each."""
    limits = ("--sql-max-memory-bytes", str(128 << 20), "--sql-max-rows", str(10**9), "--sql-max-bytes", str(10**12))
    with ServerProcess(tmp_path / "data", *PORT, *limits, "--sql-timeout", "5m") as server:
        ask(server, "SELECT number FROM numbers(100000)")
        before = resident_peak_bytes(server)
        url = f"http://{server.clickhouse_http}/?default_format=JSONCompact"
        statement = "SELECT number, repeat('x', 100) FROM numbers(4000000)"
        size, first, last = 0, b"", b""
        with httpx.stream("POST", url, content=statement, timeout=PATIENCE_SECONDS) as response:
            for piece in response.iter_raw():
                size += len(piece)
                first, last = first or piece, (last + piece)[-200:]
        assert size > 400_000_000
        assert first.startswith(b'{\n\t"meta":')
        assert b'"rows": 4000000' in last
        assert resident_peak_bytes(server) - before < 150_000_000


def test_an_error_in_the_middle_of_an_answer_cannot_be_taken_for_its_end(port):
    """The error stands between the marks that the head announced, and HTTP's last chunk never comes."""
    url = f"http://{port.clickhouse_http}/"
    statement = "SELECT number FROM numbers(2000000)"  # twice as many rows as an answer may have
    pieces = []
    with httpx.stream("POST", url, content=statement, timeout=PATIENCE_SECONDS) as response:
        assert response.status_code == 200
        tag = response.headers["X-ClickHouse-Exception-Tag"]
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            pieces.extend(response.iter_raw())
    end = b"".join(pieces)[-2000:].decode()
    message = re.search(rf"\r\n__exception__\r\n{tag}\r\n(.*\n)(\d+) {tag}\r\n__exception__\r\n$", end, re.DOTALL)
    assert "Code: 396. DB::Exception: Limit for result exceeded" in message[1]
    assert len(message[1].encode()) == int(message[2])


def test_who_waits_for_the_end_gets_a_status_for_errors_that_come_late(port):
    """wait_end_of_query holds an answer of some megabytes back until it is known to be whole."""
    late = "SELECT 100 / (1000000 - intDiv(number, 1)), intDiv(1, 999999 - number) FROM numbers(1000000)"
    with httpx.stream("POST", f"http://{port.clickhouse_http}/", content=late, timeout=PATIENCE_SECONDS) as begun:
        assert begun.status_code == 200
    assert trouble(ask(port, late.replace("100 / (1000000 - intDiv(number, 1)), ", ""), wait_end_of_query="1")) == (
        500,
        153,
    )


def test_a_client_that_goes_away_stops_its_statement(tmp_path):
    """As many as may run at once, long before their limit: the next statement is answered."""
    with ServerProcess(tmp_path / "data", *PORT, "--sql-timeout", "5m") as server:
        threads = [threading.Thread(target=_give_up_on, args=(server,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ask(server, "SELECT 1").text == "1\n"


@pytest.fixture
def server_with_port(tmp_path):
    """A server of the test's own."""
    with ServerProcess(tmp_path / "data", *PORT) as process:
        yield process


def _give_up_on(server):
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://{server.clickhouse_http}/", content=ENDLESS, timeout=1.0)


def test_a_client_that_does_not_read_gives_its_turn_up_in_time(tmp_path):
    """Its statement ends at its limit, and others are answered meanwhile and after."""
    with ServerProcess(tmp_path / "data", *PORT, "--sql-timeout", "2s", "--sql-max-rows", str(10**9)) as server:
        host, port = server.clickhouse_http.split(":")
        lazy = [socket.create_connection((host, int(port))) for _ in range(2)]
        try:
            for connection in lazy:
                connection.sendall(b"GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(12) == b"HTTP/1.1 200"
            begun = time.monotonic()
            assert ask(server, "SELECT 1").text == "1\n"
            assert time.monotonic() - begun < 25
        finally:
            for connection in lazy:
                connection.close()


def test_a_dashboard_asks_all_at_once_while_spans_come_in(server_with_port):
    """Forty panels at a time are all answered, again and again, and no span has to wait for them."""
    done, wrong = threading.Event(), []
    panel = "SELECT toStartOfSecond(Timestamp) t, quantile(0.99)(Duration), count() FROM otel_traces GROUP BY t"

    def look():
        with httpx.Client(base_url=f"http://{server_with_port.clickhouse_http}", timeout=PATIENCE_SECONDS) as client:
            while not done.is_set():
                if (response := client.post("/", content=panel)).status_code != 200:
                    wrong.append(response.text)

    threads = [threading.Thread(target=look) for _ in range(40)]
    for thread in threads:
        thread.start()
    try:
        for batch in range(10):
            message = request("busy", [1000] * 1000, seed=batch)
            assert server_with_port.export(message.SerializeToString())[0].name == "OK"
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert ask(server_with_port, COUNT).text == "10000\n"


def test_more_than_may_wait_are_told_to_come_again(server_with_port):
    """With 503 and Retry-After, at once; who waits is answered when it is their turn."""
    url = f"http://{server_with_port.clickhouse_http}/"
    unread = "SELECT number, repeat('x', 1000) FROM numbers(1000000)"

    async def crowd():
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=92), timeout=PATIENCE_SECONDS) as client:
            async with contextlib.AsyncExitStack() as busy:
                for _ in range(2):  # an answer that has begun has a turn, and keeps it while nobody reads
                    begun = await busy.enter_async_context(client.stream("POST", url, content=unread))
                    assert begun.status_code == 200
                asked = [asyncio.ensure_future(client.post(url, content="SELECT 1")) for _ in range(90)]
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while sum(one.done() for one in asked) < 90 - 64:
                        await asyncio.sleep(0.01)
            return await asyncio.gather(*asked)

    answers = asyncio.run(crowd())
    full = [answer for answer in answers if answer.status_code == 503]
    assert len(full) == 90 - 64
    assert all(trouble(answer) == (503, 202) and answer.headers["Retry-After"] for answer in full)
    assert {answer.text for answer in answers if answer not in full} == {"1\n"}


def test_statements_are_counted_and_timed(server_with_port):
    """Under the door's own name, those that are refused too; probes are not."""
    ask(server_with_port, "SELECT 1")
    ask(server_with_port, "SELEC 1")
    httpx.get(f"http://{server_with_port.clickhouse_http}/ping", timeout=PATIENCE_SECONDS)
    text = server_with_port.get("/metrics").text
    for status in ("200", "400"):
        assert f'spanhouse_queries_total{{door="clickhouse",question="sql",status="{status}"}} 1.0' in text
    assert 'spanhouse_query_seconds_count{door="clickhouse",question="sql"} 2.0' in text
