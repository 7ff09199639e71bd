"""POST /api/v1/record and /api/v1/events: from programs that can only POST, into otel_logs, with OTLP's guarantees."""

import gzip
import json
import logging
import logging.handlers
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import SECOND
from token_files import bearer, tokens_of_each_role, wrong

RECORD, EVENTS = "/api/v1/record", "/api/v1/events"
FORM, JSON, NDJSON = "application/x-www-form-urlencoded", "application/json", "application/x-ndjson"
DAY_NS = 86_400 * SECOND
# HTTPHandler leaves it to the garbage collector to close its connections.
UNCLOSED = pytest.mark.filterwarnings("ignore:.*socket.*:pytest.PytestUnraisableExceptionWarning")


def post(
    server: ServerProcess, content: bytes | str, media_type: str = JSON, path: str = RECORD, **headers: str
) -> httpx.Response:
    named = {"Content-Type": media_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://{server.http}{path}"
    return httpx.post(url, content=content, headers=named, timeout=PATIENCE_SECONDS)


def lines(*records: object) -> bytes:
    return "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records).encode()


def stored(server: ServerProcess, service: str, columns: str = "Body") -> list[list[object]]:
    """What is stored of a service, in order of time."""
    statement = f"SELECT {columns} FROM otel_logs WHERE ServiceName = '{service}' ORDER BY Timestamp"
    answer = server.get("/api/v1/sql", query=statement, format="JSONCompact")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
def logger(request) -> Iterator[logging.Logger]:
    """A logger of this test's own, without handlers."""
    logger = logging.getLogger(f"posted.{request.node.name}")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


@UNCLOSED
def test_the_stdlibs_http_handler_delivers_unchanged(shared_server, logger):
    """Levels, arguments, extras, exceptions and text of any language; each call returns when its record is stored."""
    logger.addHandler(logging.handlers.HTTPHandler(shared_server.http, f"{RECORD}?service=shop", "POST"))
    logger.warning("grüß %s, %d & 100%%", "Ünal = ☃", 7, extra={"user": 7, "tier": "None", "odd key": "a&b=c"})
    try:
        raise ValueError("boom")
    except ValueError:
        logger.exception("failed")
    columns = "Body, SeverityText, SeverityNumber, ServiceName, ScopeName, LogAttributes"
    rows = stored(shared_server, "shop", columns)
    warned, failed = rows
    assert warned[:5] == ["grüß Ünal = ☃, 7 & 100%", "WARN", 13, "shop", logger.name]
    name = "test_the_stdlibs_http_handler_delivers_unchanged"
    assert warned[5].items() >= {
        "code.file.path": __file__, "code.function.name": name, "user": "7", "tier": "None", "odd key": "a&b=c",
        "thread.name": "MainThread", "process.name": "MainProcess",
    }.items()  # fmt: skip
    assert not warned[5].keys() & {"args", "exc_info", "msecs", "relativeCreated", "filename", "module", "taskName"}
    assert failed[:3] == ["failed", "ERROR", 17]
    assert (failed[5]["exception.type"], failed[5]["exception.message"]) == ("ValueError", "boom")


@UNCLOSED
def test_the_handlers_credentials_are_a_token_as_the_password(tmp_path, logger):
    """With the role write it delivers; without it, and with a wrong one, nothing is stored."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:
        for name, token in (("good", tokens["write"]), ("read", tokens["read"]), ("wrong", wrong(tokens["write"]))):
            handler = logging.handlers.HTTPHandler(server.http, RECORD, "POST", credentials=("logger", token))
            logger.addHandler(handler)
            logger.info(name)
            logger.removeHandler(handler)
        for path in (RECORD, EVENTS):
            assert post(server, "{}", path=path).status_code == 401
            assert post(server, "{}", path=path, **bearer(tokens["read"])).status_code == 403
            assert post(server, "{}", path=path, **bearer(tokens["write"])).status_code in (200, 400)
        assert server.stop() == 0
        assert tokens["write"] not in server.log.read_text()
    assert read_back(tmp_path / "data", "SELECT Body FROM otel_logs") == [[["good"]]]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_lines_that_can_be_taken_are_stored_and_the_others_are_named(shared_server, encoding):
    """201 when all are, 207 when some are, 400 when none is; the others by their line, their key and what is wrong."""
    now = time.time()
    good = [{"created": now + number / 1000, "msg": "number %s", "args": [number]} for number in range(5)]
    mixed = lines(good[2], "", '{"msg": ', [1], {"created": "noon"}, good[3], {"level": []}, good[4], '"\xff')

    def send(content: bytes) -> httpx.Response:
        body = gzip.compress(content) if encoding else content
        path = f"{RECORD}?service=lines{encoding}"
        return post(shared_server, body, NDJSON, path, **({"Content_Encoding": encoding} if encoding else {}))

    all_of_them = send(lines(*good[:2]))
    assert (all_of_them.status_code, all_of_them.json()["taken"], all_of_them.json()["problems"]) == (201, 2, [])
    some = send(mixed.replace("\xff".encode(), b"\xff"))
    none = send(b"\n{}\nnothing")
    empty = send(b"\n\n")
    assert some.status_code == 207
    answer = some.json()
    assert (answer["taken"], answer["refused"]) == (3, 5)
    assert answer["problems"] == [
        {"line": 3, "problem": "not JSON: Expecting value: line 1 column 9 (char 8)"},
        {"line": 4, "problem": "it is not an object"},
        {"line": 5, "field": "created", "problem": "'noon' is not a time: send a Unix time or ISO 8601, such as "
         "2026-01-31T09:30:00Z"},
        {"line": 7, "field": "level", "problem": "a list is no level: send a number of Python's, such as 20, or a "
         "word"},
        {"line": 9, "problem": "not UTF-8: invalid start byte at byte 1"},
    ]  # fmt: skip
    assert none.status_code == 400
    assert none.json()["error"] == {
        "parameter": None, "message": "none of 2 records could be taken; line 2: there is nothing in it"
    }  # fmt: skip
    assert [problem["line"] for problem in none.json()["problems"]] == [2, 3]
    assert (empty.status_code, empty.json()) == (200, {"taken": 0, "refused": 0, "problems": []})
    assert stored(shared_server, f"lines{encoding}") == [[f"number {number}"] for number in range(5)]


def test_json_is_a_record_or_a_list_of_them(shared_server):
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.123456789Z"
    one = post(shared_server, json.dumps({"message": "one", "time": at}))
    assert (one.status_code, one.json()) == (
        201, {"taken": 1, "refused": 0, "problems": [], "first": at, "last": at}
    )  # fmt: skip
    some = post(shared_server, '[{"message": "two"}, 3, {"span_id": "x", "message": "four"}]')
    assert some.status_code == 207
    assert some.json()["problems"] == [
        {"index": 1, "problem": "it is not an object"},
        {"index": 2, "field": "span_id", "problem": "'x' is not 16 hexadecimal digits"},
    ]
    bad = post(shared_server, '{"level": true}')
    assert (bad.status_code, bad.json()["error"]["parameter"]) == (400, "level")
    for content in (b"{", b"\xff", b"[" * 100_000):
        refused = post(shared_server, content)
        assert refused.status_code == 400
        assert refused.json()["error"]["message"]


def test_raw_lines_are_messages_as_they_are(shared_server):
    """Those that are objects of JSON are records all the same."""
    body = b'Nov 22 host sshd[1]: accepted\r\n{"message": "json", "level": 40}\n[1, 2]\n17\n'
    assert post(shared_server, body, NDJSON, f"{RECORD}?raw=1&service=host").json()["taken"] == 4
    assert post(shared_server, body, NDJSON).json()["taken"] == 1
    assert post(shared_server, body, NDJSON, f"{RECORD}?raw=perhaps").json()["error"]["parameter"] == "raw"
    rows = stored(shared_server, "host", "Body, SeverityNumber")
    assert rows == [["Nov 22 host sshd[1]: accepted", 0], ["json", 17], ["[1, 2]", 0], ["17", 0]]


def test_the_same_records_sent_again_are_stored_once_and_records_without_a_time_each_time(tmp_path):
    """Also at once and after a restart: a client that did not hear the answer may always send again.

    Who says no time may say the same thing twice.
    """
    same = lines(*({"time": time.time_ns() - number, "message": "same"} for number in range(100)))
    with ServerProcess(tmp_path / "data") as server:
        for _ in range(3):
            assert post(server, same, NDJSON).json()["taken"] == 100
            assert post(server, lines({"message": "timeless"}), NDJSON).json()["taken"] == 1
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        assert post(server, same, NDJSON).json()["taken"] == 100
        assert server.stop() == 0
    (rows,) = read_back(tmp_path / "data", "SELECT Body, count() FROM otel_logs GROUP BY Body ORDER BY Body")
    assert rows == [["same", 100], ["timeless", 3]]


def test_a_large_body_is_stored_whole_and_once_however_often_it_is_sent(tmp_path):
    """In several inserts, each within the memory that one may take; a line that is refused is named all the same."""
    limits = ["--max-insert-memory", str(64 << 20), "--max-group-bytes", str(1 << 20)]
    begun = time.time_ns() - 3600 * SECOND
    records = [{"time": begun + number, "message": "x" * 20, "number": number} for number in range(40_000)]
    records[12_345]["time"] = begun - 4000 * DAY_NS
    body = lines(*records)
    with ServerProcess(tmp_path / "data", *limits) as server:
        for _ in range(2):
            answer = post(server, body, NDJSON)
            assert (answer.status_code, answer.json()["taken"]) == (207, 39_999)
            assert [problem["line"] for problem in answer.json()["problems"]] == [12_346]
        assert server.stop() == 0
    assert read_back(tmp_path / "data", "SELECT count(), uniqExact(LogAttributes) FROM otel_logs") == [[[39_999] * 2]]


def test_records_outside_the_bounds_of_time_are_named_too(shared_server):
    """The store refuses them one by one, as it does with OTLP's."""
    now = time.time_ns()
    times = [now, now - 4000 * DAY_NS, now - 1, now + 7 * DAY_NS]
    answer = post(shared_server, lines(*({"time": at, "message": "bounds"} for at in times)), NDJSON)
    assert answer.status_code == 207
    assert answer.json()["taken"] == 2
    assert [problem["line"] for problem in answer.json()["problems"]] == [2, 4]
    assert all(problem["problem"].startswith("made ") for problem in answer.json()["problems"])


def test_events_are_put_in_any_number_of_streams(shared_server):
    """Twice in the row: keys as attributes and the whole as JSON; those that cannot be taken by stream and index."""
    at = time.time_ns() - SECOND
    events = {
        "shop.clicks": [
            {"user": 40, "tags": ["a", {"b": None}], "ok": True, "none": None, "@time": at, "@id": "f" * 32},
            "no event",
            {"user": 42, "@time": "sometime"},
        ],
        "shop.visits": [{"n": 1, "@library": {"name": "kronos"}}, {"n": 2}],
        "shop.none": [],
    }
    before = time.time_ns()
    answer = post(shared_server, json.dumps(events), path=f"{EVENTS}?service=web")
    assert answer.status_code == 207
    assert answer.json()["streams"] == {"shop.clicks": 1, "shop.visits": 2}
    assert answer.json()["problems"] == [
        {"stream": "shop.clicks", "index": 1, "problem": "it is not an object"},
        {"stream": "shop.clicks", "index": 2, "field": "@time", "problem": "'sometime' is not a time: send a Unix "
         "time or ISO 8601, such as 2026-01-31T09:30:00Z"},
    ]  # fmt: skip
    for bad in ("[]", '{"a": {}}', '{"": []}', "nothing"):
        refused = post(shared_server, bad, path=EVENTS)
        assert (refused.status_code, refused.json()["error"]["parameter"]) == (400, None)
    assert post(shared_server, "a=b", FORM, path=EVENTS).status_code == 415
    columns = "EventName, Body, LogAttributes, ServiceName, ScopeName, toString(toUnixTimestamp64Nano(Timestamp))"
    rows = stored(shared_server, "web", columns)
    clicks, first, second = rows
    assert clicks == [
        "shop.clicks", '{"user":40,"tags":["a",{"b":null}],"ok":true,"none":null}',
        {"user": "40", "tags": '["a",{"b":null}]', "ok": "true"}, "web", "spanhouse.events", str(at),
    ]  # fmt: skip
    assert (first[0], first[1]) == ("shop.visits", '{"n":1,"@library":{"name":"kronos"}}')
    assert (second[0], second[1]) == ("shop.visits", '{"n":2}')
    assert before <= int(first[5]) < int(second[5]) <= time.time_ns()


OTHER_PAGES = [
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "http://127.0.0.1:1", "Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]


@pytest.mark.parametrize("page", OTHER_PAGES, ids=str)
def test_no_page_of_another_origin_can_make_its_browser_post(shared_server, page):
    """A form needs no permission of the browser's: the server looks where it comes from."""
    for path, media_type, content in ((RECORD, FORM, "msg=forged"), (EVENTS, JSON, '{"forged": [{}]}')):
        refused = post(shared_server, content, media_type, path, **page)
        assert refused.status_code == 403
        assert "a page of another origin" in refused.json()["error"]["message"]
        assert "access-control-allow-origin" not in refused.headers
    own = {"Origin": f"http://{shared_server.http}", "Sec_Fetch_Site": "same-origin"}
    assert post(shared_server, "msg=ours", FORM, **own).status_code == 201
    assert post(shared_server, "msg=ours", FORM, Origin=own["Origin"]).status_code == 201


def test_pages_of_origins_that_are_named_may_post_and_read_nothing(tmp_path):
    """--cors-origins is for sending: the answer to a question stays closed to them."""
    origin = "https://shop.example.org"
    ask = {"Origin": origin, "Access-Control-Request-Headers": "content-type"}
    with (
        ServerProcess(tmp_path / "data", "--cors-origins", origin) as server,
        httpx.Client(timeout=PATIENCE_SECONDS) as client,
    ):
        for path, content in ((RECORD, "{}"), (EVENTS, '{"a": [{}]}')):
            url = f"http://{server.http}{path}"
            preflight = client.options(url, headers=ask | {"Access-Control-Request-Method": "POST"})
            assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, origin)
            assert client.options(url, headers=ask | {"Access-Control-Request-Method": "GET"}).status_code == 400
            sent = post(server, content, path=path, Origin=origin, Sec_Fetch_Site="cross-site")
            assert sent.headers["access-control-allow-origin"] == origin
            assert sent.status_code != 403
            read = client.get(url, headers={"Origin": origin})
            assert "access-control-allow-origin" not in read.headers
        assert post(server, "msg=x", FORM, **OTHER_PAGES[0]).status_code == 403


@pytest.mark.parametrize(
    ("content", "media_type", "path", "status", "problem"),
    [
        (b"x", "text/plain", RECORD, 415, "the Content-Type is 'text/plain'; there are"),
        (b"x", "", RECORD, 415, "there are"),
        (b"{}", JSON, f"{RECORD}?levl=1", 400, "levl: no such parameter; there are raw, service"),
        (b"a", FORM, RECORD, 400, "not a form"),
        (b"a=%ff", FORM, RECORD, 400, "not a form"),
        (b"a=1&" * 2000, FORM, RECORD, 400, "not a form"),
        (b"", FORM, RECORD, 400, "there is nothing in it"),
        (b'{"a":"' + b"x" * (5 << 20) + b'"}', JSON, RECORD, 413, "the request has more than"),
        (b'{"a":"' + b"x" * (5 << 20) + b'"}', JSON, EVENTS, 413, "the request has more than"),
        (b"[" + b"[]," * 200_000 + b"[]]", JSON, RECORD, 413, "send its log records in several requests"),
        (b"{}\n" * 200_000, NDJSON, RECORD, 413, "lines, which is the limit"),
        (b'{"a":"' + b"x" * (2 << 20) + b'"}', NDJSON, RECORD, 400, "the line is longer than"),
        (b"[" * 100_000, NDJSON, RECORD, 400, "nested too deeply"),
        (b'{"a":' + b"9" * 5000 + b"}", NDJSON, RECORD, 400, "not JSON"),
        (b'{"a": [1e999]}', NDJSON, RECORD, 400, "Out of range"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_too_much_or_makes_no_sense_is_refused_in_the_apis_words(
    small_server, content, media_type, path, status, problem
):
    refused = post(small_server, content, media_type, path)
    assert refused.status_code == status
    assert problem in refused.json()["error"]["message"]
    assert small_server.get("/readyz").status_code == 200


@pytest.fixture(scope="module")
def small_server(tmp_path_factory) -> Iterator[ServerProcess]:
    limits = ["--max-json-bytes", str(1 << 20), "--max-request-bytes", str(4 << 20)]
    limits += ["--max-insert-memory", str(128 << 20), "--max-group-bytes", str(4 << 20)]
    with ServerProcess(tmp_path_factory.mktemp("small") / "data", *limits) as server:
        yield server


def test_metrics_count_what_is_posted_as_logs(server):
    """By encoding, and not as questions."""
    post(server, '{"message": "a"}')
    post(server, "message=b", FORM)
    post(server, lines({"message": "c"}, "no"), NDJSON)
    text = server.get("/metrics").text
    for encoding, status in (("json", 201), ("form", 201), ("ndjson", 207)):
        line = f'spanhouse_requests_total{{door="http",encoding="{encoding}",signal="logs",status="{status}"}} 1.0'
        assert line in text
    assert "spanhouse_log_records_stored_total 3.0" in text
    assert 'question="record"' not in text
