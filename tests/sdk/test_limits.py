"""Span limits from a captured call's point of view: what is kept, counted as dropped, and said in the log."""

import logging

import pytest
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from otlp_receiver import attributes

import spanhouse
from spanhouse import limits
from spanhouse.testing import captured_spans
from spanhouse_exporter.notices import Notices


@pytest.fixture
def clock(monkeypatch):
    """Time as the log lines about limits see it: a list whose last item is now."""
    now = [0.0]
    monkeypatch.setattr(limits, "_notices", Notices(limits._logger, lambda: now[-1]))
    return now


def test_arguments_results_and_computed_attributes_obey_the_limits(clock):
    """Common, "Attribute Limits": length cuts values, deep inside too; the count discards the new and is reported."""

    @spanhouse.capture(
        name="limits.call",
        attributes={"fixed": "abcdef", "computed": lambda call: {"text": call["text"] * 2}},
        args=("text", "more"),
        result=True,
    )
    def call(text, more=()):
        return [text]

    with captured_spans(span_limits=SpanLimits(max_attribute_length=3)) as spans:
        call("uvwxyz", more=["abcdef", b"abcdef"])
    carried = dict(spans[0].attributes)
    assert carried["fixed"] == "abc"
    assert carried["computed"] == {"text": "uvw"}
    assert carried["spanhouse.arg.text"] == "uvw"
    assert carried["spanhouse.arg.more"] == ("abc", b"abc")
    assert carried["spanhouse.result"] == ("uvw",)
    with captured_spans(span_limits=SpanLimits(max_span_attributes=6)) as spans:
        call("x")
    assert set(spans[0].attributes) >= {"fixed", "spanhouse.arg.text", "spanhouse.arg.more"}
    assert len(spans[0].attributes) == 6
    assert spans[0].dropped_attributes == 2  # the last ones: computed, and the result


def test_values_without_a_text_are_dropped_not_raised(clock):
    """Error handling, "Basic error handling principles": an argument whose `__str__` fails costs an attribute."""

    class Bad:
        def __str__(self):
            raise RuntimeError("no text")

    @spanhouse.capture(name="limits.bad", args=("value",), result=True)
    def same(value):
        return value

    with captured_spans() as spans:
        value = Bad()
        assert same(value) is value
    assert spans[0].dropped_attributes == 2


def test_more_static_attributes_than_the_limit(receiver, clock, caplog):
    """Trace SDK, "Span Limits": those of the decorator are counted as dropped on every span, on the wire too."""
    spanhouse.configure(endpoint=receiver.endpoint, span_limits=SpanLimits(max_span_attributes=4))

    @spanhouse.capture(name="limits.static", attributes={"a": 1, "b": 2, "c": 3})
    def outer(deeper):
        if deeper:
            outer(deeper - 1)

    outer(1)
    assert spanhouse.flush(10)
    inner, whole = receiver.spans
    assert inner.parent_span_id == whole.span_id
    assert {span.dropped_attributes_count for span in receiver.spans} == {2}
    assert all(len(attributes(span)) == 4 for span in receiver.spans)
    assert len(caplog.records) == 1


def test_one_log_line_a_span_and_one_a_minute(clock, caplog):
    """Trace SDK, "Span Limits": at most one message a span, however much it loses; ours come once a minute at most."""
    narrow = SpanLimits(max_span_attributes=1, max_events=1, max_event_attributes=1, max_link_attributes=1)
    provider = spanhouse.TracerProvider(export=False, span_limits=narrow, shutdown_on_exit=False)
    tracer = provider.get_tracer("limits")

    def lossy():
        with tracer.start_as_current_span("lossy") as span:
            for number in range(9):
                span.set_attribute(f"a{number}", number)
                span.add_event("e", {"x": 1, "y": 2})

    for _ in range(5):
        lossy()
    (first,) = caplog.records
    assert first.levelno == logging.WARNING
    assert "lossy" in first.getMessage()
    clock.append(60.0)
    lossy()
    assert [record.getMessage().partition(" (")[2] for record in caplog.records] == [
        "OTEL_*_LIMIT) was discarded",
        "OTEL_*_LIMIT) was discarded (4 more like this were not logged)",
    ]


def test_attributes_lost_by_an_event_alone_are_reported(clock, caplog):
    """Trace SDK, "Span Limits": also what an event or a link could not carry."""
    provider = spanhouse.TracerProvider(
        export=False, span_limits=SpanLimits(max_event_attributes=1), shutdown_on_exit=False
    )
    with provider.get_tracer("limits").start_as_current_span("event") as span:
        span.add_event("kept", {"x": 1})
    assert not caplog.records
    with provider.get_tracer("limits").start_as_current_span("event") as span:
        span.add_event("cut", {"x": 1, "y": 2})
    assert len(caplog.records) == 1


def test_sampling_sees_the_static_attributes():
    """Trace SDK, "Sampling", ShouldSample: initial attributes; those of the decorator are known before the call."""
    asked = []

    class Billing(Sampler):
        def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, **_more):
            asked.append(dict(attributes))
            wanted = attributes.get("team") == "billing"
            return SamplingResult(Decision.RECORD_AND_SAMPLE if wanted else Decision.DROP, attributes)

        def get_description(self):
            return "Billing"

    computed = []

    @spanhouse.capture(name="limits.billing", attributes={"team": "billing", "late": lambda call: 1})
    def billing(): ...

    @spanhouse.capture(name="limits.other", attributes={"late": lambda call: computed.append(1)}, result=True)
    def other(): ...

    with captured_spans(sampler=Billing()) as spans:
        billing()
        other()
    assert [span.name for span in spans] == ["limits.billing"]
    assert spans[0].attributes["late"] == 1
    assert asked[0]["team"] == "billing"
    assert asked[0]["code.function.name"].endswith("billing")
    assert "late" not in asked[0]
    assert computed == []
