"""Any question that makes sense is answered, whatever it is combined of; a filter says the same of every source."""

from urllib.parse import urlencode

import pytest
from data_points import Stream, body, explicit, exponential
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_records import Made, records
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import request
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.query.query_http import document_model
from spanhouse_backend.query.questions import QUESTIONS
from spanhouse_backend.query.questions.functions import SORTS, Functions
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.questions.spans import Spans
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.severities import LEVELS
from spanhouse_backend.store.landing import METRICS

SERVICE = "anything"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
NAMES = st.sampled_from(["f0", "f1", "f2"]) | TEXTS
TERMS = st.one_of(
    st.builds("name{}{}".format, st.sampled_from(["=", "!=", "^="]), NAMES),
    st.builds("name in ({}, {})".format, NAMES, NAMES),
    st.builds("kind{}{}".format, st.sampled_from(["=", "!="]), st.sampled_from(["server", "INTERNAL"])),
    st.builds("status in ({})".format, st.sampled_from(["ok", "error, unset"])),
    st.builds(
        "duration{}{}".format,
        st.sampled_from([">", ">=", "<", "<=", "=", "!="]),
        st.sampled_from(["1us", "1500", "2ms", "1.5s", "0"]),
    ),
    st.builds("attr.{}{}{}".format, st.sampled_from("nm"), st.sampled_from(["=", "!=", "^="]), TEXTS),
    st.builds("attr.n{}{}".format, st.sampled_from([">", "<="]), st.integers(-9, 9)),
    st.sampled_from(["attr.n", "event", "error.type", "scope", "parent_id", "message", 'name~"f[01]"', "event!~x"]),
)
FILTERS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=6,
)
RECORD_FILTERS = st.recursive(
    st.one_of(
        st.builds("body{}{}".format, st.sampled_from(["=", "!=", "^="]), TEXTS),
        st.builds("level{}{}".format, st.sampled_from([">", ">=", "<", "<=", "=", "!="]), st.sampled_from(LEVELS)),
        st.builds("level in ({}, {})".format, st.integers(1, 24), st.sampled_from(LEVELS)),
        st.builds("{}{}{}".format, st.sampled_from(["logger", "scope", "event"]), st.sampled_from(["=", "!="]), TEXTS),
        st.sampled_from(["level", "severity", "event", "span_id", "attr.n", "attr.n>3", 'resource."a b"', "body!~x"]),
    ),
    lambda inner: st.builds("({} or not {})".format, inner, inner),
    max_leaves=4,
)
VALUES = {
    "trace_id": st.just("0123456789abcdef" * 2),
    "since": st.sampled_from(["2026-01-05T09:30Z", "2026-01-05T10:00Z+2h", "0", "1767607200000", "9999w"]),
    "span_id": st.just("0123456789abcdef"),
    "level": st.sampled_from(["debug", "WARNING", "17"]),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    "offset": st.integers(0, 40).map(str),
    "service": st.sampled_from([SERVICE, "nobody"]),
    "name": st.sampled_from(["f0", "nothing"]),
    "filter": FILTERS,
    "exact": st.sampled_from(["true", "false"]),
    "limit": st.integers(1, 20).map(str),
    "sort": st.sampled_from(SORTS),
    "group": st.lists(
        st.sampled_from(["service", "name", "kind", "status", "scope", "error.type", "attr.n", 'resource."a b"']),
        min_size=1,
        max_size=4,
    ).map(",".join)
    | st.just("none"),
    "levels": st.lists(st.sampled_from(["p0", "p50", "0.9", "p99.99", "1"]), min_size=1, max_size=9).map(",".join),
    "select": st.lists(
        st.sampled_from(["count", "errors", "min(duration)", "p99.9(duration)", "avg(attr.n)", 'sum(resource."a b")']),
        min_size=1,
        max_size=5,
    ).map(", ".join),
    "order_by": st.just(""),
    "step": st.sampled_from(["1w", "1d", "2d", "6h", "1h"]),
    "timezone": st.sampled_from(["UTC", "Asia/Kathmandu", "America/Havana"]),
    "scale": st.integers(0, 6).map(str),
    "order": st.sampled_from(["newest", "oldest"]),
    "up_to": st.sampled_from(["20s", "1000s"]),
    "during": st.sampled_from(
        ["2026-01-05T00:00Z..", "2026-01-05T10:00Z..2026-01-05T10:30Z", "2026-01-05T10:15Z+30m"]
    ).map(lambda text: text.removesuffix("..")),
    "slower_than": st.sampled_from(["p0", "p50", "p100", "1us", "10s"]),
}
DATA_POINTS = st.sampled_from(
    ["attr.n", "attr.n>1 or not unit=s", "name^=to", "scope~m resource.x!=1", 'service in (shop, "a b")', "unit"]
)
STREAMS = st.sampled_from(["clicks", "nothing"])
# What some questions take something else for, or alone.
OWN = {
    "logs": {"filter": RECORD_FILTERS},
    "streams": {"filter": RECORD_FILTERS},
    "events": {"filter": RECORD_FILTERS, "stream": STREAMS},
    "event_schema": {"filter": RECORD_FILTERS, "stream": STREAMS},
    "timeline": {"filter": RECORD_FILTERS},
    "trends": {"level": st.just("p90")},
    "metrics": {"filter": DATA_POINTS},
    "metric_percentiles": {
        "filter": DATA_POINTS,
        "name": st.sampled_from(["took", "nothing"]),
        "group": st.sampled_from(["none", "service", "scope,unit,attr.n", 'resource."a b"']),
    },
}
# Questions by steps have to be asked of a window that is not longer than its steps allow.
SHORT = {"since": st.sampled_from(["2026-01-05T09:30Z+2h", "2026-01-05T10:00Z+1d"])}


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Thirty spans of three functions within two hours, a metric, an event, and a record of each severity number."""
    house.insert_logs(
        records("clicked", [Made(MONDAY_10H, '{"n":1,"deep":[{}]}', event="clicks", attributes={"n": "1"})])
    )
    house.insert(
        *(
            request(
                SERVICE,
                [1000 * number],
                name=f"f{number % 3}",
                start_ns=MONDAY_10H + number * HOUR // 15,
                attributes={"n": AnyValue(int_value=number % 5)} if number % 2 else {},
                seed=number,
            )
            for number in range(30)
        )
    )
    made = [
        Made(
            MONDAY_10H + number * HOUR // 15,
            f"body {number % 3}" if number % 5 else "",
            number,
            "e" if number % 4 == 0 else "",
            {"n": str(number % 7)} if number % 2 else {},
        )
        for number in range(26)
    ]
    house.insert_logs(records(SERVICE, made))
    took = Stream("took")
    took.explicit.append(explicit([0.2, 99.0], MONDAY_10H, MONDAY_10H, extremes=False))
    took.exponential.append(exponential([0.2, 0.4], MONDAY_10H + HOUR, MONDAY_10H))
    house.run(house.store.insert(METRICS, join([frame(body(took))]), []))


@pytest.mark.parametrize("question", [question for question in QUESTIONS if question.name not in {"trace", "log"}])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_parameters_that_make_sense_are_answered_as_described(house, question, data):
    values = VALUES | OWN.get(question.name, {})
    names = [parameter.name for parameter in question.parameters() if parameter.name in values]
    required = {parameter.name for parameter in question.parameters() if parameter.required}
    by_steps = "step" in names
    values |= SHORT if by_steps else {}
    texts = {
        name: data.draw(values[name], label=name)
        for name in names
        if name in required or data.draw(st.booleans(), label=f"{name}?") or (by_steps and name in SHORT)
    }
    response = house.get(f"/api/v1/{question.name}?{urlencode(texts)}")
    assert response.status_code == 200, response.text
    document_model(question).model_validate_json(response.content, strict=True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(text=RECORD_FILTERS)
def test_a_filter_over_records_and_its_negative_share_the_records_between_them(house, text):
    """And the timeline counts as many as are found one by one."""
    window = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T13:00Z", "service": SERVICE}
    found = house.ask(Logs, filter=text, **window).rows
    others = house.ask(Logs, filter=f"not ({text})", **window).rows
    assert len(found) + len(others) == 26
    assert not {row.id for row in found} & {row.id for row in others}
    assert house.ask(Timeline, filter=text, **window).records == len(found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(text=FILTERS)
def test_a_filter_and_its_negative_share_the_spans_between_them(house, text):
    """And the table of functions counts the spans that are found one by one."""
    window = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T13:00Z", "service": SERVICE}
    found = house.ask(Spans, filter=text, **window).rows
    others = house.ask(Spans, filter=f"not ({text})", **window).rows
    assert len(found) + len(others) == 30
    assert not {row.span_id for row in found} & {row.span_id for row in others}
    assert sum(row.calls for row in house.ask(Functions, filter=text, **window).rows) == len(found)
