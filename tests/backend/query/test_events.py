"""Events as they were put: streams, order, resumption, filters, and the schema that they have in common."""

import json

import pytest
from jsonschema import Draft202012Validator
from log_records import Made, records
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.ingest.posted import Posted
from spanhouse_backend.ingest.posted_events import read_events
from spanhouse_backend.query.questions.delete_logs import DeleteLogs
from spanhouse_backend.query.questions.events import Events, EventSchema, Streams
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.store.landing import LOGS

WINDOW = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T12:00Z"}
CLICKS = [
    {"user": 40, "num_clicks": 7},
    {"user": 42, "num_clicks": 2, "browser": {"name": "Firefox", "version": 26.5}},
    {"user": "nobody", "pages": ["a", {"deep": [1, None, True]}], "note": None},
]


def put(house, streams, service="shop", at_ns=MONDAY_10H):
    """What POST /api/v1/events does with them."""
    posted = Posted(service, at_ns)
    read_events(json.dumps(streams).encode(), posted)
    assert not posted.problems
    house.run(house.store.insert(LOGS, join([frame(request.to_bytes()) for request in posted.requests]), []))


def bare(rows):
    """The payloads alone."""
    return [{key: value for key, value in row.event.items() if key not in ("@id", "@time")} for row in rows]


def test_events_are_what_was_put_in_order_of_time(house):
    """With types and nesting; `@id` and `@time` are those of the row, and can be put again."""
    put(house, {"a page's clicks": CLICKS, "others": [{"user": 1}]})
    answer = house.ask(Events, stream="a page's clicks", **WINDOW)
    assert bare(answer.rows) == CLICKS
    assert json.dumps(bare(answer.rows)) == json.dumps(CLICKS)
    assert [row.time_unix_ns for row in answer.rows] == [MONDAY_10H + number for number in range(3)]
    for row in answer.rows:
        assert (row.event["@id"], row.event["@time"]) == (row.id, iso_time(row.time_unix_ns))
        assert (row.service, row.trace_id) == ("shop", "")
    assert sorted(row.id for row in answer.rows) == [row.id for row in answer.rows]
    put(house, {"clicks again": [dict(row.event) for row in answer.rows]}, at_ns=MONDAY_10H + HOUR)
    again = house.ask(Events, stream="clicks again", **WINDOW).rows
    assert bare(again) == CLICKS
    assert [row.time_unix_ns for row in again] == [row.time_unix_ns for row in answer.rows]


def test_events_of_any_sender_are_read(house):
    """Of one whose body is no payload: its attributes, types read off them, and the body as a text."""
    made = Made(MONDAY_10H, "logged in", 9, "foreign", {"user": "40", "tags": '["a",1]', "zip": "007"}, b"t" * 16)
    house.insert_logs(records("auth", [made]))
    (row,) = house.ask(Events, stream="foreign", **WINDOW).rows
    assert bare([row]) == [{"user": 40, "tags": ["a", 1], "zip": "007", "@body": "logged in"}]
    assert row.trace_id == "74" * 16


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_every_event_is_given_once_however_small_the_answers(house, order):
    """By cursor also those that are the same in everything; by the last id, those once."""
    stream = f"paged {order}"
    same = [{"n": "same", "@time": MONDAY_10H + MINUTE}] * 3
    put(house, {stream: [*({"n": number, "@time": MONDAY_10H + number // 2} for number in range(9)), *same]})
    every = house.ask(Events, stream=stream, order=order, **WINDOW).rows
    assert len(every) == 12
    assert [row.id for row in every] == sorted((row.id for row in every), reverse=order == "newest")
    for limit in ("1", "2", "5"):
        found, cursor = [], ""
        while True:
            answer = house.ask(Events, stream=stream, order=order, limit=limit, cursor=cursor, **WINDOW)
            found += answer.rows
            cursor = answer.next
            if not cursor:
                break
        assert found == list(every)
        found = list(house.ask(Events, stream=stream, order=order, limit=limit, **WINDOW).rows)
        while rows := house.ask(Events, stream=stream, order=order, limit=limit, after_id=found[-1].id, **WINDOW).rows:
            found += rows
        assert {row.id for row in found} == {row.id for row in every}
        assert [row for row in found if row.event["n"] != "same"] == [row for row in every if row.event["n"] != "same"]


def test_an_answer_has_no_more_than_can_be_read_at_once(house):
    """16 MiB of events, or one; it says so, and the rest begins at its cursor. A schema is inferred from as many."""
    large = "x" * (7 << 20)
    put(house, {"large": [{"n": number, "text": large} for number in range(5)]})
    first = house.ask(Events, stream="large", **WINDOW)
    assert [row.event["n"] for row in first.rows] == [0]
    assert first.notes == ("these are as many events as fit into 16 MiB: `next` is where the others begin",)
    second = house.ask(Events, stream="large", cursor=first.next, **WINDOW)
    assert [row.event["n"] for row in second.rows] == [1]
    assert house.ask(EventSchema, stream="large", **WINDOW).events == 1
    put(house, {"small": [{"n": 1}]})
    assert house.ask(Events, stream="small", **WINDOW).notes == ()


def test_an_id_outside_of_the_window_is_before_all_of_it_or_after(house):
    """A program that resumes may ask for a window that has moved on."""
    put(house, {"moved": [{"n": number, "@time": MONDAY_10H + number * HOUR} for number in range(3)]})
    first, *_, last = house.ask(Events, stream="moved").rows
    late, early = {"since": "2026-01-05T10:30Z"}, {"until": "2026-01-05T11:30Z"}
    assert [row.event["n"] for row in house.ask(Events, stream="moved", after_id=first.id, **late).rows] == [1, 2]
    assert house.ask(Events, stream="moved", after_id=last.id, **early).rows == ()
    newest = {"stream": "moved", "order": "newest"}
    assert [row.event["n"] for row in house.ask(Events, after_id=last.id, **newest, **early).rows] == [1, 0]
    assert house.ask(Events, after_id=first.id, **newest, **late).rows == ()
    for extreme in ("0" * 32, "f" * 32):
        assert len(house.ask(Events, stream="moved", after_id=extreme).rows) == (3 if extreme[0] == "0" else 0)


def test_filters_speak_of_top_level_keys(house):
    """As numbers and as texts; of a service; and of the id of a trace."""
    put(house, {"filtered": CLICKS})
    put(house, {"filtered": [{"user": 7}]}, service="other")
    found = {
        "attr.user=40": CLICKS[:1],
        "attr.num_clicks>5": CLICKS[:1],
        'attr.browser~"Firefox"': CLICKS[1:2],
        "attr.pages or attr.user=42": CLICKS[1:],
        "not attr.num_clicks service=shop": CLICKS[2:],
    }
    for text, expected in found.items():
        assert bare(house.ask(Events, stream="filtered", filter=text, **WINDOW).rows) == expected, text
    assert bare(house.ask(Events, stream="filtered", service="other", **WINDOW).rows) == [{"user": 7}]


def test_streams_are_listed_with_who_sends_them_and_since_when(house):
    """Those with the most events first; log records without a name are of none."""
    put(house, {"listed.a": [{}] * 2, "listed.b": [{}] * 5}, service="x")
    put(house, {"listed.a": [{}]}, service="y", at_ns=MONDAY_10H + HOUR)
    house.insert_logs(records("x", [Made(MONDAY_10H, "no event")]))
    rows = house.ask(Streams, filter="event^=listed.", **WINDOW).rows
    assert [(row.name, row.count, row.services) for row in rows] == [
        ("listed.b", 5, ("x",)),
        ("listed.a", 3, ("x", "y")),
    ]
    assert (rows[1].first_unix_ns, rows[1].last_unix_ns) == (MONDAY_10H, MONDAY_10H + HOUR)
    assert "" not in {row.name for row in house.ask(Streams, limit="1000").rows}
    assert [row.name for row in house.ask(Streams, service="y", **WINDOW).rows] == ["listed.a"]


def test_a_schema_is_what_the_newest_events_are_valid_by(house):
    """Events as they are read, `@id` and `@time` included; so many as are asked for."""
    put(house, {"shaped": [{"old": 1, "user": "x"}, *CLICKS]})
    answer = house.ask(EventSchema, stream="shaped", **WINDOW)
    schema = answer.json_schema
    Draft202012Validator.check_schema(schema)
    events = house.ask(Events, stream="shaped", **WINDOW).rows
    for row in events:
        Draft202012Validator(schema).validate(row.event)
    assert (answer.events, schema["title"]) == (4, "shaped")
    assert schema["required"] == ["user"]
    assert schema["properties"]["user"] == {"type": ["integer", "string"]}
    assert schema["properties"]["browser"]["properties"]["version"] == {"type": "number"}
    assert {row.path: (row.types, row.values) for row in answer.rows}["pages[].deep[]"] == (
        ("boolean", "integer", "null"),
        3,
    )
    newest = house.ask(EventSchema, stream="shaped", events="3", **WINDOW)
    assert "old" not in newest.json_schema["properties"]
    nothing = house.ask(EventSchema, stream="nothing of the kind", **WINDOW)
    assert (nothing.events, nothing.rows, nothing.json_schema["type"]) == (0, (), "object")


def test_events_are_deleted_by_stream_and_interval(house):
    """And counted; those of other streams, and of other times, stay."""
    put(house, {"deleted": [{"n": number, "@time": MONDAY_10H + number * MINUTE} for number in range(6)], "kept": [{}]})
    gone = house.ask(DeleteLogs, filter="event=deleted", since="2026-01-05T10:00Z", until="2026-01-05T10:04Z")
    assert gone.deleted == 4
    assert [row.event["n"] for row in house.ask(Events, stream="deleted").rows] == [4, 5]
    assert len(house.ask(Events, stream="kept").rows) == 1


@pytest.mark.parametrize(
    ("question", "texts", "parameter", "problem"),
    [
        (Events, {}, "stream", "is missing"),
        (EventSchema, {}, "stream", "is missing"),
        (Events, {"stream": "s", "after_id": "7"}, "after_id", "is not 32 hexadecimal digits"),
        (Events, {"stream": "s", "order": "desc"}, "order", "is not one of newest, oldest"),
        (Events, {"stream": "s", "cursor": "x"}, "cursor", "no cursor of ours"),
        (Events, {"stream": "s", "filter": "user=40"}, "filter", "there is no field 'user': there are service, "),
        (EventSchema, {"stream": "s", "events": "0"}, "events", "is not a whole number from 1 to 10000"),
        (Streams, {"stream": "s"}, "stream", "no such parameter"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(question, texts, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        question.read(texts, MONDAY_10H)
    assert refused.value.parameter == parameter


def test_a_cursor_goes_on_in_its_own_order_only(house):
    put(house, {"ordered": [{}, {}]})
    cursor = house.ask(Events, stream="ordered", limit="1").next
    with pytest.raises(InvalidQuestion, match="it goes on with the oldest first"):
        house.ask(Events, stream="ordered", order="newest", cursor=cursor)
