"""GET and HEAD of /api/v1/record: counts, timelines, ranges and single records, as Chronologer's clients ask for."""

import json
import logging
import logging.handlers
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess

RECORD = "/api/v1/record"
# Midnight in Lagos, all the year, is 23:00 UTC the day before. Records are not kept for ever.
FIRST = datetime.now(UTC).replace(hour=22, minute=30, second=0, microsecond=0) - timedelta(days=3)
LEVELS = (10, 20, 30, 40, 50)
LOGGERS = ("app", "app.pay", "apple", "lib.net")
RECORDS = [
    {
        "name": LOGGERS[number % 4],
        "created": (FIRST + timedelta(minutes=10 * number)).timestamp(),
        "levelno": LEVELS[number % 5],
        "levelname": logging.getLevelName(LEVELS[number % 5]),
        "message": f"number {number}",
        "number": number,
        "tier": "gold" if number % 2 else "free",
    }
    for number in range(40)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that has RECORDS."""
    with ServerProcess(tmp_path_factory.mktemp("records") / "data") as process:
        lines = "\n".join(map(json.dumps, RECORDS))
        headers = {"Content-Type": "application/x-ndjson"}
        posted = httpx.post(f"http://{process.http}{RECORD}?service=shop", content=lines, headers=headers, timeout=60)
        assert posted.json()["taken"] == len(RECORDS)
        yield process


def head(server: ServerProcess, **parameters: str) -> httpx.Headers:
    response = httpx.head(f"http://{server.http}{RECORD}", params=parameters, timeout=PATIENCE_SECONDS)
    assert (response.status_code, response.content) == (200, b""), response.headers
    return response.headers


def between(server: ServerProcess, left: int, right: int, **parameters: str) -> list[dict]:
    response = server.get(RECORD, left=str(left), right=str(right), **parameters)
    assert response.status_code == 200, response.text
    return response.json()


def numbers(documents: list[dict]) -> list[int]:
    return [int(document["message"].removeprefix("number ")) for document in documents]


NINE = (FIRST + timedelta(minutes=90)).isoformat()
FILTERS = [
    ({}, lambda record: True),
    ({"level": "30"}, lambda record: record["levelno"] >= 30),
    ({"level": "31"}, lambda record: record["levelno"] >= 40),
    ({"level": "error"}, lambda record: record["levelno"] >= 40),
    ({"level": "0"}, lambda record: True),
    ({"name": "app"}, lambda record: record["name"].startswith("app")),
    ({"name": "app., lib"}, lambda record: record["name"].startswith(("app.", "lib"))),
    ({"after": NINE}, lambda record: record["number"] >= 9),
    ({"before": NINE}, lambda record: record["number"] < 9),
    ({"query": "attr.tier=gold attr.number>20"}, lambda record: record["tier"] == "gold" and record["number"] > 20),
    (
        {"query": 'body~"number 1."', "name": "apple", "level": "20", "after": NINE},
        lambda record: 10 <= record["number"] < 20 and record["name"] == "apple" and record["levelno"] >= 20,
    ),
]


@pytest.mark.parametrize(("parameters", "described"), FILTERS, ids=[" ".join(given) for given, _ in FILTERS])
def test_filters_mean_the_same_for_counts_timelines_and_ranges(server, parameters, described):
    expected = [record["number"] for record in RECORDS if described(record)]
    assert head(server, **parameters)["x-record-count"] == str(len(expected))
    assert numbers(between(server, 0, 100, **parameters)) == expected
    grouped = head(server, group="hour", timezone="UTC", **parameters)
    assert sum(map(int, grouped["x-record-count"].split(","))) == len(expected)


@pytest.mark.parametrize(
    ("group", "timezone", "length"),
    [("day", "UTC", 86_400), ("day", "Africa/Lagos", 86_400), ("hour", "Asia/Kolkata", 3600), ("15m", "UTC", 900)],
)
def test_a_timeline_has_the_steps_that_have_records(server, group, timezone, length):
    """As Unix seconds where each begins, on that time zone's clock, and how many each has."""
    headers = head(server, group=group, timezone=timezone)
    starts = [int(start) for start in headers["x-record-group"].split(",")]
    counts = [int(count) for count in headers["x-record-count"].split(",")]
    assert starts == sorted(set(starts))
    made = [record["created"] for record in RECORDS]
    assert counts == [sum(start <= one < start + length for one in made) for start in starts]
    assert sum(counts) == len(made)
    offset = {"UTC": 0, "Africa/Lagos": 3600, "Asia/Kolkata": 19_800}[timezone]
    assert all((start + offset) % length == 0 for start in starts)


def test_without_records_there_is_a_count_of_none_and_no_step(server):
    assert head(server, name="nobody")["x-record-count"] == "0"
    headers = head(server, name="nobody", group="day")
    assert (headers["x-record-count"], headers["x-record-group"]) == ("", "")


def test_ranges_put_side_by_side_are_all_records_once(server):
    """From `left` up to `right`, the oldest first, or the newest."""
    pages = [between(server, left, left + 7) for left in range(0, 42, 7)]
    found = [document for page in pages for document in page]
    assert numbers(found) == list(range(40))
    assert len({document["id"] for document in found}) == 40
    assert numbers(between(server, 3, 5, order="newest")) == [36, 35]
    assert between(server, 40, 50) == []
    first = found[0]
    assert first == {
        "name": "app", "ts": f"{FIRST:%Y-%m-%dT22:30:00Z}", "message": "number 0", "id": first["id"], "level": 10
    }  # fmt: skip


def test_one_record_has_its_extras_and_the_fields_of_its_log_record(tmp_path):
    """What a LogRecord said comes back from a server that got it as a form or as JSON, extras with their types."""
    record = logging.LogRecord("app", 30, "/srv/app/pay.py", 12, "no %s", ("tea",), None, "charge")
    record.__dict__ |= {"user": 7, "tags": ["a", {"b": None}], "ok": True, "word": "true story", "zip": "0123"}
    with ServerProcess(tmp_path / "data") as server:
        url = f"http://{server.http}{RECORD}"
        httpx.post(url, json=record.__dict__, timeout=PATIENCE_SECONDS)
        (listed,) = between(server, 0, 1)
        whole = server.get(f"{RECORD}/{listed['id']}")
        known = {"If-None-Match": whole.headers["etag"]}
        again = httpx.get(f"{url}/{listed['id']}", headers=known, timeout=PATIENCE_SECONDS)
    found = whole.json()
    assert {key: found[key] for key in listed} == listed
    assert (found["name"], found["message"], found["level"]) == ("app", "no tea", 30)
    assert found["logrec"]["data"] == {
        "user": 7, "tags": ["a", {"b": None}], "ok": True, "word": "true story", "zip": "0123"
    }  # fmt: skip
    kept = ("pathname", "lineno", "funcName", "filename", "module", "thread", "threadName", "process", "processName")
    assert found["logrec"]["meta"] == {key: getattr(record, key) for key in kept} | {
        "levelname": "WARN",
        "service": "unknown_service",
    }
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("parameters", "parameter", "problem"),
    [
        ({"after": "noon"}, "after", "'noon' is not a time"),
        ({"before": "2026-01-01", "after": "2026-01-02"}, "before", "is not later"),
        ({"level": "loud"}, "level", "'loud' is no level"),
        ({"query": "level>>3"}, "query", "column 7"),
        ({"query": 'body~"("'}, "query", "RE2"),
        ({"name": "x" * 2000}, "name", "not longer than"),
        ({"name": ",".join(["a"] * 101)}, "name", "more than 100"),
        ({"group": "fortnight"}, "group", "'fortnight' is not a length of time"),
        ({"group": "1s", "after": "2026-01-01"}, "group", "more than 2000 such steps"),
        ({"group": "day", "timezone": "Mars/Base"}, "timezone", "'Mars/Base' is not a time zone"),
        ({"msg": "hello"}, "msg", "no such parameter"),
    ],
)
def test_what_makes_no_sense_is_said_in_the_headers_by_its_name(server, parameters, parameter, problem):
    """HEAD has no body to say it in."""
    refused = httpx.head(f"http://{server.http}{RECORD}", params=parameters, timeout=PATIENCE_SECONDS)
    assert (refused.status_code, refused.content) == (400, b"")
    assert refused.headers["x-error-parameter"] == parameter
    assert problem in refused.headers["x-error-message"]


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [({}, "left"), ({"left": "0"}, "right"), ({"left": "5", "right": "5"}, "right"), ({"left": "x"}, "left"),
     ({"left": "0", "right": "10001"}, "right"), ({"left": "0", "right": "1", "order": "best"}, "order")],
)  # fmt: skip
def test_a_range_that_makes_no_sense_is_refused_by_its_name(server, parameters, parameter):
    refused = server.get(RECORD, **({"right": "9"} | parameters if parameters.get("left") == "x" else parameters))
    assert (refused.status_code, refused.json()["error"]["parameter"]) == (400, parameter)


def test_a_record_that_is_not_stored_is_404_and_what_is_no_id_400(server):
    assert server.get(f"{RECORD}/{'0' * 32}").status_code == 404
    refused = server.get(f"{RECORD}/177260")
    assert (refused.status_code, refused.json()["error"]["parameter"]) == (400, "record_id")
