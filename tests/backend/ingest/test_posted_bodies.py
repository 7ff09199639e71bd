"""Bodies of records: whatever is in one, every record is taken or refused with its place, and nothing else happens."""

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


def stored(posted: Posted):
    """The LogRecords in the request."""
    message = ExportLogsServiceRequest.FromString(posted.request.to_bytes())
    return [
        record for logs in message.resource_logs for scope in logs.scope_logs for record in scope.log_records
    ]  # fmt: skip


@given(LINES, st.booleans())
@example([b"[" * 100_000], False)
@example([b'{"a": %s}' % (b"[" * 500 + b"]" * 500)], False)
def test_each_line_with_anything_on_it_is_taken_or_refused_by_its_number(lines, raw):
    posted = read_ndjson(b"\n".join(lines), "s", NOW_NS, raw=raw)
    taken = [place.number for _, place in posted.taken]
    refused = [problem.place.number for problem in posted.problems]
    texts = [line.decode(errors="replace") for line in lines]
    assert sorted(taken + refused) == [number for number, text in enumerate(texts, 1) if text and not text.isspace()]
    assert len(stored(posted)) == len(taken)


@given(st.binary() | st.text().map(str.encode))
@pytest.mark.parametrize("read", [read_json, read_form, read_events])
def test_any_other_body_is_taken_or_said_to_be_malformed(read, content):
    try:
        posted = read(content, "s", NOW_NS)
    except MalformedData:
        return
    assert len(stored(posted)) == len(posted.taken)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_what_a_form_says_is_kept_as_it_is(fields):
    """Any text in any field that is none of a record's own."""
    named = {f"x-{key}": value for key, value in fields.items()}
    (record,) = stored(read_form(urlencode({**named, "msg": "m"}).encode(), "s", NOW_NS))
    assert {one.key: one.value.string_value for one in record.attributes} == named


def test_every_refusal_is_counted_and_the_first_thousand_are_described():
    posted = read_ndjson(b"no\n" * (MAX_PROBLEMS + 5), "s", NOW_NS)
    assert (posted.refused, len(posted.problems)) == (MAX_PROBLEMS + 5, MAX_PROBLEMS)


def test_the_same_body_is_the_same_request_unless_a_record_says_no_time():
    """By which a body that is sent again is known: whenever that is."""
    timed, timeless = b'{"time": 1769852430, "a": 1}\n{"time": 1769852431}', b'{"a": 1}'
    assert read_ndjson(timed, "s", 1).request.to_bytes() == read_ndjson(timed, "s", 2).request.to_bytes()
    assert read_ndjson(timeless, "s", 1).request.to_bytes() != read_ndjson(timeless, "s", 2).request.to_bytes()


def test_what_the_store_refused_is_named_as_long_as_that_can_be_told():
    posted = read_ndjson(b"\n".join(b'{"time": %d}' % (NOW_NS + at) for at in (0, -5, 1, 9)), "s", NOW_NS)
    posted.refused_by_time(Window(NOW_NS - 2, NOW_NS + 2), 2, "made at another time")
    assert [problem.place for problem in posted.problems] == [Place(2), Place(4)]
    assert [place.number for _, place in posted.taken] == [1, 3]
    # The window of the store was another one: how many is certain, and which are not.
    posted.refused_by_time(ANY_TIME, 1, "made at another time")
    assert (len(posted.taken), posted.refused, posted.problems[-1].place) == (1, 3, Place(None))
