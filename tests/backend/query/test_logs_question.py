"""Log records: those of a trace, page by page, one by one, counted by step; what is refused."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_records import Made, records
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from otlp_requests import request
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.cursors import cursor_text
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.query.reader import Reader

MS = 1_000_000


def of_trace(trace_id: bytes, *made: tuple[int, str, str]) -> ExportLogsServiceRequest:
    """One service's records of a trace: when, severity, body."""
    levels = {"INFO": 9, "ERROR": 17}
    return records(
        "logging-shop",
        [
            Made(time_ns, body, levels[severity], "", {"user": "ada"}, trace_id, b"S" * 8, severity)
            for time_ns, severity, body in made
        ],
        scope="shop.checkout",
    )


def test_a_traces_records_come_in_order_of_time(house):
    """With their severities, attributes and span; those of another trace are not among them."""
    spans = request("logging-shop", [1000], start_ns=MONDAY_10H, seed=77)
    trace_id = spans.resource_spans[0].scope_spans[0].spans[0].trace_id
    house.insert(spans)
    house.insert_logs(
        of_trace(trace_id, (MONDAY_10H + 2 * MS, "ERROR", "declined"), (MONDAY_10H, "INFO", "<b>begin</b>"))
    )
    house.insert_logs(of_trace(b"o" * 16, (MONDAY_10H, "INFO", "another")))
    answer = house.ask(Logs, trace_id=trace_id.hex())
    assert [(row.body, row.severity, row.severity_number) for row in answer.rows] == [
        ("<b>begin</b>", "INFO", 9),
        ("declined", "ERROR", 17),
    ]
    first = answer.rows[0]
    assert (first.service, first.scope, first.span_id, first.attributes) == (
        "logging-shop",
        "shop.checkout",
        "53" * 8,
        {"user": "ada"},
    )
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H, MONDAY_10H + 2 * MS)
    assert house.ask(Logs, trace_id=trace_id.hex(), limit="1").rows == answer.rows[:1]


def test_records_without_spans_are_found_and_those_far_from_them_are_not(house):
    """Where spans say when the trace was, an hour around it is looked at; where none are stored, all there is."""
    house.insert_logs(of_trace(b"n" * 16, (MONDAY_10H, "INFO", "alone"), (MONDAY_10H + 5 * HOUR, "INFO", "later")))
    assert [row.body for row in house.ask(Logs, trace_id=(b"n" * 16).hex()).rows] == ["alone", "later"]
    spans = request("logging-shop", [1000], start_ns=MONDAY_10H, seed=78)
    trace_id = spans.resource_spans[0].scope_spans[0].spans[0].trace_id
    house.insert(spans)
    times = (MONDAY_10H - HOUR // 2, MONDAY_10H + 5 * HOUR)
    house.insert_logs(of_trace(trace_id, *((time_ns, "INFO", str(time_ns)) for time_ns in times)))
    assert [row.time_unix_ns for row in house.ask(Logs, trace_id=trace_id.hex()).rows] == [times[0]]


def test_a_trace_id_has_to_be_one(house):
    with pytest.raises(InvalidQuestion, match=r"^trace_id: "):
        house.ask(Logs, trace_id="xyz")


DAY = {"since": "2026-01-05T00:00Z", "until": "2026-01-06T00:00Z"}
PAGES = "log-pages"
LEVELS = (0, 1, 5, 9, 13, 14, 17, 21)


@pytest.fixture(scope="module")
def paged(house):
    """Eighty records of two scopes over five hours, in two inserts; of ten of a time, four the same in everything."""
    made = [
        Made(
            MONDAY_10H + (number // 10) * HOUR * 5 // 8,
            "the same" if number % 10 < 4 else f"Record {number} of USER ä{number % 7}",
            9 if number % 10 < 4 else LEVELS[number % 8],
            attributes={} if number % 10 < 4 else {"n": str(number), "tier": "gold" if number % 2 else "free"},
        )
        for number in range(80)
    ]
    house.insert_logs(records(PAGES, made[:33], scope="app.one"), records("other", made))
    house.insert_logs(records(PAGES, made[33:], scope="app.two"))
    return made


def pages(house, **texts):
    """Every answer until the last."""
    cursor = ""
    while True:
        answer = house.ask(Logs, cursor=cursor, **texts)
        yield answer
        cursor = answer.next
        if not cursor:
            return


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("limit", ["1", "3", "10", "79", "80", "81"])
def test_following_next_gives_every_record_once_in_order(house, paged, order, limit):
    """Also those of one time, and those that are the same in everything; ids are in the order of records."""
    answers = list(pages(house, service=PAGES, order=order, limit=limit, **DAY))
    found = [row for answer in answers for row in answer.rows]
    assert sorted((row.time_unix_ns, row.body) for row in found) == sorted((one.time_ns, one.body) for one in paged)
    assert [row.id for row in found] == sorted((row.id for row in found), reverse=order == "newest")
    assert all(len(answer.rows) == int(limit) for answer in answers[:-1])
    assert answers[-1].rows


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_an_offset_leaves_out_the_first_however_many(house, paged, order):
    """A page begins anywhere, in the middle of records of one time too, and its cursor goes on behind it."""
    texts = {"service": PAGES, "order": order, **DAY}
    every = house.ask(Logs, limit="100", **texts).rows
    assert len(every) == 80
    for offset in (0, 1, 2, 3, 9, 10, 11, 45, 79, 80, 500):
        first = house.ask(Logs, limit="2", offset=str(offset), **texts)
        assert first.rows == every[offset : offset + 2]
        if first.next:
            assert house.ask(Logs, limit="3", cursor=first.next, **texts).rows == every[offset + 2 : offset + 5]
        else:
            assert offset >= 78


def test_a_window_that_moves_does_not_move_between_pages(house, paged):
    texts = {"service": PAGES, "limit": "5"}
    first = house.ask(Logs, since="1h", now_ns=MONDAY_10H + HOUR, **texts)
    second = house.ask(Logs, since="1h", now_ns=MONDAY_10H + 5 * HOUR, cursor=first.next, **texts)
    assert (second.from_ns, second.to_ns) == (first.from_ns, first.to_ns) == (MONDAY_10H, MONDAY_10H + HOUR)
    assert len(second.rows) == 5
    assert {row.time_unix_ns for row in second.rows} <= {one.time_ns for one in paged}


def matches(text, one, scope):
    """What the filters below mean, in Python."""
    return {
        "level>=warn": one.level >= 13,
        "level<warn": 0 < one.level < 13,
        "not level>=warn": one.level < 13,
        "level=warn": 13 <= one.level <= 16,
        "level=14": one.level == 14,
        "level in (error, fatal, 1)": one.level in {17, 21, 1},
        "level": one.level > 0,
        "level!=info": not 9 <= one.level <= 12,
        'body="the same"': one.body == "the same",
        'body~"USER ä[12]$"': one.body.endswith(("USER ä1", "USER ä2")),
        "body^=Record attr.n>70": one.body.startswith("Record") and int(one.attributes["n"]) > 70,
        "logger=app.two": scope == "app.two",
        "scope^=app. attr.tier=gold": one.attributes.get("tier") == "gold",
        "attr.tier!=gold": one.attributes.get("tier") != "gold",
        "resource.service.name=log-pages or event": True,
        """body="'; DROP TABLE otel_logs --" or body="{filter_0:String}" """: False,
    }[text]


FILTERS = [
    "level>=warn", "level<warn", "not level>=warn", "level=warn", "level=14", "level in (error, fatal, 1)", "level",
    "level!=info", 'body="the same"', 'body~"USER ä[12]$"', "body^=Record attr.n>70", "logger=app.two",
    "scope^=app. attr.tier=gold", "attr.tier!=gold", "resource.service.name=log-pages or event",
    """body="'; DROP TABLE otel_logs --" or body="{filter_0:String}" """,
]  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_records_are_those_that_the_filter_describes(house, paged, text):
    """And HEAD counts as many, and the timeline has as many, however they are cut."""
    expected = sorted(
        one.body for number, one in enumerate(paged) if matches(text, one, "app.one" if number < 33 else "app.two")
    )
    texts = {"service": PAGES, "filter": text, **DAY}
    assert sorted(row.body for row in house.ask(Logs, limit="100", **texts).rows) == expected
    assert house.head(f"/api/v1/logs?{urlencode(texts)}&limit=3").headers["x-record-count"] == str(len(expected))
    answer = house.ask(Timeline, step="1h", timezone="Asia/Kolkata", **texts)
    assert answer.records == sum(row.records for row in answer.rows) == len(expected)


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        ({"level": "warn"}, lambda one: one.level >= 13),
        ({"level": "WARNING"}, lambda one: one.level >= 13),
        ({"level": "14"}, lambda one: one.level >= 14),
        ({"text": "THE SAME"}, lambda one: one.body == "the same"),
        ({"text": "user Ä3"}, lambda one: one.body.endswith("ä3")),
        ({"text": "recor"}, lambda one: one.body.startswith("Record")),
        ({"text": "d 1"}, lambda one: one.body.startswith("Record 1")),
        ({"text": "100%_"}, lambda one: False),
        (
            {"text": "record", "level": "fatal", "filter": "attr.tier=gold"},
            lambda one: one.level == 21 and one.attributes["tier"] == "gold",
        ),
    ],
)
def test_level_and_text_narrow_what_is_found(house, paged, texts, holds):
    """Text is looked for as it is, whatever its case: nothing in it is a pattern."""
    found = house.ask(Logs, service=PAGES, limit="100", **texts, **DAY).rows
    assert sorted(row.body for row in found) == sorted(one.body for one in paged if holds(one))
    assert house.ask(Logs, service="nobody", **texts, **DAY).rows == ()


def test_a_record_is_found_by_its_id_whole(house):
    message = records(
        "whole-log",
        [Made(MONDAY_10H + 7, "hello", 17, "user.login", {"n": "1"}, b"W" * 16, b"w" * 8, "Fatality")] * 2,
        scope="app.whole",
        resource={"host.name": "h1"},
    )
    resource_logs = message.resource_logs[0]
    resource_logs.schema_url = "https://resource.example"
    scope_logs = resource_logs.scope_logs[0]
    scope_logs.schema_url, scope_logs.scope.version = "https://scope.example", "1.2"
    scope_logs.scope.attributes.append(KeyValue(key="library", value=AnyValue(bool_value=True)))
    for record in scope_logs.log_records:
        record.flags = 1
    house.insert_logs(message)
    one, other = house.ask(Logs, service="whole-log", **DAY).rows
    assert one == other
    assert one.id.startswith(f"{MONDAY_10H + 7:016x}")
    response = house.get(f"/api/v1/logs/{one.id.upper()}")
    assert response.status_code == 200
    assert response.json()["rows"] == [
        {
            "id": one.id,
            "time_unix_ns": MONDAY_10H + 7,
            "severity": "Fatality",
            "severity_number": 17,
            "service": "whole-log",
            "body": "hello",
            "event": "user.login",
            "scope": "app.whole",
            "scope_version": "1.2",
            "scope_schema_url": "https://scope.example",
            "scope_attributes": {"library": "true"},
            "resource": {"service.name": "whole-log", "host.name": "h1"},
            "resource_schema_url": "https://resource.example",
            "trace_id": "57" * 16,
            "span_id": "77" * 8,
            "flags": 1,
            "attributes": {"n": "1"},
        }
    ]


@pytest.mark.parametrize(
    ("record_id", "status", "message"),
    [
        ("f" * 32, 404, f"no log record {'f' * 32} is stored"),
        ("0" * 32, 404, f"no log record {'0' * 32} is stored"),
        (f"{MONDAY_10H:016x}{'0' * 16}", 404, f"no log record {MONDAY_10H:016x}{'0' * 16} is stored"),
        ("abc", 400, "record_id: 'abc' is not 32 hexadecimal digits"),
    ],
)
def test_what_is_no_record_is_said_in_words(house, record_id, status, message):
    response = house.get(f"/api/v1/logs/{record_id}")
    assert response.status_code == status
    assert response.json() == {"error": {"parameter": "record_id", "message": message}}


def test_a_timeline_has_every_step_and_tells_levels_apart(house, paged):
    answer = house.ask(Timeline, service=PAGES, since="2026-01-05T09:00Z", until="2026-01-05T16:00Z", step="1h")
    assert answer.records == 80
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H - HOUR, MONDAY_10H + 6 * HOUR)
    assert [row.start_unix_ns for row in answer.rows] == [MONDAY_10H + step * HOUR for step in range(-1, 6)]
    assert [row.records for row in answer.rows] == [0, 20, 20, 10, 20, 10, 0]
    levels = ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")
    totals = [sum(getattr(row, level) for row in answer.rows) for level in levels]
    numbers = [(0, 0), (1, 4), (5, 8), (9, 12), (13, 16), (17, 20), (21, 24)]
    assert totals == [sum(least <= one.level <= most for one in paged) for least, most in numbers]
    # Steps are whole hours, but what is counted is what `logs` would give.
    part = house.ask(Timeline, service=PAGES, since="2026-01-05T10:30Z", until="2026-01-05T12:31Z", step="1h")
    assert [row.start_unix_ns for row in part.rows] == [MONDAY_10H + step * HOUR for step in range(3)]
    assert [row.records for row in part.rows] == [10, 20, 10]
    assert house.ask(Timeline, service=PAGES, since="2026-01-05T10:30Z", until="2026-01-05T12:30Z").records == 30
    nothing = house.ask(Timeline, service="nobody", since="2026-01-05T09:00Z", until="2026-01-05T10:00Z")
    assert (nothing.records, len(nothing.rows)) == (0, 60)


def test_head_tells_the_steps_that_have_records(house, paged):
    path = f"/api/v1/timeline?service={PAGES}&since=2026-01-05T09:00Z&until=2026-01-05T16:00Z&step=1h"
    response = house.head(path)
    assert (response.status_code, response.content) == (200, b"")
    hours = [MONDAY_10H // 10**9 + step * 3600 for step in range(5)]
    assert response.headers["x-record-group"] == ",".join(map(str, hours))
    assert response.headers["x-record-count"] == "20,20,10,20,10"
    empty = house.head(path.replace(PAGES, "nobody"))
    assert (empty.headers["x-record-group"], empty.headers["x-record-count"]) == ("", "")


def test_a_timeline_of_a_trace_is_around_its_records(house):
    made = [Made(MONDAY_10H + minutes * 60 * 1000 * MS, "x", trace_id=b"timeline-records") for minutes in (0, 10)]
    house.insert_logs(records("timeline-trace", made))
    answer = house.ask(Timeline, trace_id=b"timeline-records".hex())
    assert answer.records == 2
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H, MONDAY_10H + HOUR // 6 + 1)
    assert [row.records for row in answer.rows] == [1] + [0] * 9 + [1]
    assert house.ask(Timeline, trace_id=b"timeline-nothing".hex()).rows == ()


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("level", "loud"),
        ("level", "25"),
        ("text", "a" * 1025),
        ("text", "\udcff"),
        ("span_id", "abc"),
        ("trace_id", "0" * 32),
        ("offset", "-1"),
        ("order", "upwards"),
        ("cursor", "abc"),
        ("filter", "duration>1s"),
        ("name", "f"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameter, value):
    with pytest.raises(InvalidQuestion) as refused:
        Logs.read({parameter: value}, MONDAY_10H)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize(
    "parts",
    [
        ["newest", 0, 10, 5, 7],
        ["newest", 0, 10, 5, 7, 0],
        ["newest", 0, 10, 11, 7, 1],
        ["newest", 0, 10, 5, 2**64, 1],
        ["newest", 0, 10, 5, -1, 1],
        ["newest", 0, 2**70, 5, 7, 1],
        ["newest", 0, 10, True, 7, 1],
        ["oldest", 0, 10, 5, 7, 1],
    ],
)
def test_a_cursor_that_was_made_up_is_refused(parts):
    with pytest.raises(InvalidQuestion, match="cursor"):
        Logs.read({"cursor": cursor_text(parts)}, MONDAY_10H)


@given(st.text(max_size=60) | st.binary(max_size=60).map(bytes.hex))
def test_what_is_no_cursor_is_refused(text):
    if text:
        with pytest.raises(InvalidQuestion, match="cursor"):
            Logs.read({"cursor": text}, MONDAY_10H)


@pytest.mark.parametrize("face", ["/api/v1/logs", "/api/v1/timeline"])
def test_a_pattern_that_the_engine_cannot_read_is_refused_where_it_stands(house, paged, face):
    response = house.get(f"{face}?service={PAGES}&filter=body~'a(b'")
    assert response.status_code == 400
    assert response.json()["error"]["column"] == 6
    assert house.head(f"{face}?service={PAGES}&filter=body~'a(b'").status_code == 400


class Overheard:
    """The house's engine, and which statements it was asked with which parameters."""

    def __init__(self, house):
        self._fetch = house.queries.fetch
        self.asked = []

    async def fetch(self, sql, parameters):
        self.asked.append((sql, parameters))
        return await self._fetch(sql, parameters)


def test_only_the_records_of_the_page_are_read_whole(house):
    """Of others the time is read, and what the filter speaks of; and of those far away nothing at all."""
    days = 40
    made = [Made(MONDAY_10H - number * 12 * HOUR, str(number), 9 if number % 10 else 17) for number in range(2 * days)]
    house.insert_logs(records("sparse", made))
    window = {"since": str(made[-1].time_ns), "until": str(MONDAY_10H + HOUR)}
    for texts, bodies in (
        ({"limit": "3"}, ["0", "1", "2"]),
        ({"limit": "2", "level": "error", "offset": "2"}, ["20", "30"]),
        ({"limit": "2", "order": "oldest"}, ["79", "78"]),
    ):
        engine = Overheard(house)
        question = Logs.read({"service": "sparse", **window, **texts}, MONDAY_10H + HOUR)
        answer = house.run(Reader(engine).ask(question))
        assert [row.body for row in answer.rows] == bodies
        (page,) = [parameters for sql, parameters in engine.asked if "LogAttributes" in sql]
        times = sorted(row.time_unix_ns for row in answer.rows)
        length = times[-1] - times[0]
        # It has one more record than the answer, to see whether there is another.
        assert length < page["to_ns"] - page["from_ns"] <= 2 * length + 1
        read = [given["to_ns"] - given["from_ns"] for _, given in engine.asked if "from_ns" in given]
        assert max(read) < days * 24 * HOUR
