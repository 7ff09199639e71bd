"""Bodies of records: whatever is in one, every record is taken or refused with its place, and nothing else happens."""

import functools
import json
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import ANY_TIME, Window
from spanhouse_backend.ingest.posted import MAX_PROBLEMS, Place, Posted
from spanhouse_backend.ingest.posted_bodies import read_form, read_json, read_ndjson
from spanhouse_backend.ingest.posted_events import read_events

NOW_NS = 1_769_852_430_123_456_789
LINES = st.lists(
    st.binary(max_size=30).filter(lambda line: b"\n" not in line)
    | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3).map(
        lambda record: json.dumps(record).encode()
    ),
    max_size=8,
)


def posted_of(body: bytes, read=read_ndjson, at_ns: int = NOW_NS, **options) -> Posted:
    posted = Posted("s", at_ns, **options)
    read(body, posted)
    return posted


def requests_of(posted: Posted) -> list[bytes]:
    return [request.to_bytes() for request in posted.requests]


def stored(posted: Posted):
    """The LogRecords in the requests."""
    messages = map(ExportLogsServiceRequest.FromString, requests_of(posted))
    return [
        record
        for message in messages
        for logs in message.resource_logs
        for scope in logs.scope_logs
        for record in scope.log_records
    ]


@given(LINES, st.booleans())
@example([b"[" * 100_000], False)
@example([b'{"a": %s}' % (b"[" * 500 + b"]" * 500)], False)
def test_each_line_with_anything_on_it_is_taken_or_refused_by_its_number(lines, raw):
    posted = posted_of(b"\n".join(lines), functools.partial(read_ndjson, raw=raw))
    taken = [place.number for _, place in posted.taken]
    refused = [problem.place.number for problem in posted.problems]
    texts = [line.decode(errors="replace") for line in lines]
    assert sorted(taken + refused) == [number for number, text in enumerate(texts, 1) if text and not text.isspace()]
    assert len(stored(posted)) == len(taken)


@given(st.binary() | st.text().map(str.encode))
@pytest.mark.parametrize("read", [read_json, read_form, read_events])
def test_any_other_body_is_taken_or_said_to_be_malformed(read, content):
    try:
        posted = posted_of(content, read)
    except MalformedData:
        return
    assert len(stored(posted)) == len(posted.taken)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_what_a_form_says_is_kept_as_it_is(fields):
    """Any text in any field that is none of a record's own."""
    named = {f"x-{key}": value for key, value in fields.items()}
    (record,) = stored(posted_of(urlencode({**named, "msg": "m"}).encode(), read_form))
    assert {one.key: one.value.string_value for one in record.attributes} == named


def test_every_refusal_is_counted_and_the_first_thousand_are_described():
    posted = posted_of(b"no\n" * (MAX_PROBLEMS + 5))
    assert (posted.refused, len(posted.problems)) == (MAX_PROBLEMS + 5, MAX_PROBLEMS)


def test_the_same_body_is_the_same_request_unless_a_record_says_no_time():
    """By which a body that is sent again is known: whenever that is."""
    timed, timeless = b'{"time": 1769852430, "a": 1}\n{"time": 1769852431}', b'{"a": 1}'
    assert requests_of(posted_of(timed, at_ns=1)) == requests_of(posted_of(timed, at_ns=2))
    assert requests_of(posted_of(timeless, at_ns=1)) != requests_of(posted_of(timeless, at_ns=2))


def test_what_the_store_refused_is_named_as_long_as_that_can_be_told():
    posted = posted_of(b"\n".join(b'{"time": %d}' % (NOW_NS + at) for at in (0, -5, 1, 9)))
    posted.refused_by_time(Window(NOW_NS - 2, NOW_NS + 2), 2, "made at another time")
    assert [problem.place for problem in posted.problems] == [Place(2), Place(4)]
    assert [place.number for _, place in posted.taken] == [1, 3]
    # The window of the store was another one: how many is certain, and which are not.
    posted.refused_by_time(ANY_TIME, 1, "made at another time")
    assert (len(posted.taken), posted.refused, posted.problems[-1].place) == (1, 3, Place(None))


def test_a_large_body_becomes_several_requests_cut_at_the_same_records_whenever_it_comes():
    """So that what was stored of it is known when it is sent again."""
    body = b"\n".join(b'{"time": %d, "message": "%d"}' % (NOW_NS + at, at) for at in range(1000))
    posted = posted_of(body, request_bytes=2000)
    cut = requests_of(posted)
    assert 5 < len(cut) < 30
    assert max(map(len, cut)) < 2200
    assert [record.body.string_value for record in stored(posted)] == [str(at) for at in range(1000)]
    assert requests_of(posted_of(body, at_ns=1, request_bytes=2000)) == cut
