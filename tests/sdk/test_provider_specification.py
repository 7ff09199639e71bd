"""The OpenTelemetry specification's words about tracers and spans, one test each, on `spanhouse.TracerProvider`."""

import asyncio
import io
import logging
import time

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    AlwaysRecordSampler,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from otlp_receiver import attributes, receiving

import spanhouse
from spanhouse import runtime
from spanhouse.testing import captured_spans

REMOTE = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", "1")]))
UNSAMPLED = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(0))


class Memory:
    """A provider that keeps what it finishes, and nothing else."""

    def __init__(self, **options):
        self.exporter = InMemorySpanExporter()
        self.provider = spanhouse.TracerProvider(export=False, shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests", "1.0")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()


@pytest.fixture
def memory():
    made = Memory()
    yield made
    made.provider.shutdown()


def under(parent: SpanContext) -> context.Context:
    return trace.set_span_in_context(NonRecordingSpan(parent), context.Context())


def test_get_tracer(memory, caplog):
    """Trace API, "Get a Tracer": same arguments, same tracer; a missing name works and is reported."""
    assert memory.provider.get_tracer("a", "1") is memory.provider.get_tracer("a", "1")
    assert memory.provider.get_tracer("a", "1") is not memory.provider.get_tracer("a", "2")
    memory.provider.get_tracer("").start_span("nameless").end()
    assert memory.spans[0].instrumentation_scope.name == ""
    assert "without a name" in caplog.text


def test_span_implements_the_whole_interface(memory):
    """Trace API, "Span operations": every operation is recorded."""
    link = Link(REMOTE, {"l": 1})
    span = memory.tracer.start_span("old", kind=SpanKind.SERVER, attributes={"a": 1}, links=[link], start_time=5)
    assert isinstance(span, trace.Span)
    span.set_attribute("b", "2")
    span.set_attributes({"c": [1, 2], "d": b"x"})
    span.add_event("event", {"e": True}, timestamp=6)
    span.add_link(SpanContext(1, 2, is_remote=False), {"f": 1.5})
    span.update_name("new")
    span.set_status(Status(StatusCode.ERROR, "why"))
    span.record_exception(ValueError("v"), attributes={"exception.message": "theirs", "g": 1})
    span.end(end_time=9)
    (done,) = memory.spans
    assert (done.name, done.kind, done.start_time, done.end_time) == ("new", SpanKind.SERVER, 5, 9)
    assert dict(done.attributes) == {"a": 1, "b": "2", "c": (1, 2), "d": b"x"}
    first, exception = done.events
    assert (first.name, first.timestamp, dict(first.attributes)) == ("event", 6, {"e": True})
    assert exception.name == "exception"
    assert exception.attributes["exception.type"] == "ValueError"
    assert exception.attributes["exception.message"] == "theirs"
    assert [(one.context.span_id, dict(one.attributes)) for one in done.links] == [(0xB2, {"l": 1}), (2, {"f": 1.5})]
    assert (done.status.status_code, done.status.description) == (StatusCode.ERROR, "why")


def test_start_as_current_span_in_every_use(memory):
    """Trace API, "Span Creation": a context manager and a decorator of functions and coroutine functions."""

    @memory.tracer.start_as_current_span("decorated")
    def plain():
        return trace.get_current_span()

    @memory.tracer.start_as_current_span("later")
    async def later():
        await asyncio.sleep(0)
        return trace.get_current_span()

    with memory.tracer.start_as_current_span("outer") as outer:
        assert trace.get_current_span() is outer
        assert plain() is not plain()
        asyncio.run(later())
    with memory.tracer.start_as_current_span("kept", end_on_exit=False) as kept:
        pass
    assert kept.is_recording()
    kept.end()
    assert [span.name for span in memory.spans] == ["decorated", "decorated", "later", "outer", "kept"]
    assert {span.parent.span_id for span in memory.spans[:3]} == {outer.get_span_context().span_id}


def test_provider_surface_that_instrumentation_uses(memory):
    """SDK's TracerProvider and ReadableSpan: resource, kind, context, flush and shutdown are where they are there."""
    span = memory.tracer.start_span("x", kind=SpanKind.CLIENT)
    assert span.kind is SpanKind.CLIENT
    assert span.name == "x"
    assert span.context is span.get_span_context()
    assert span.resource is memory.provider.resource
    assert span.instrumentation_scope.version == "1.0"
    assert (span.parent, span.end_time, span.status.status_code) == (None, None, StatusCode.UNSET)
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (0, 0, 0)
    assert memory.provider.force_flush(1000)


def test_foreign_exporters_work_unchanged():
    """SDK "Span Exporter": console and batch exporters get real ReadableSpans."""
    provider = spanhouse.TracerProvider(export=False)
    memory = InMemorySpanExporter()
    provider.add_span_processor(BatchSpanProcessor(memory))
    console = io.StringIO()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=console)))
    with provider.get_tracer("t").start_as_current_span("seen", attributes={"k": "v"}) as span:
        span.add_event("e")
    assert provider.force_flush()
    (done,) = memory.get_finished_spans()
    assert type(done) is ReadableSpan
    assert '"name": "seen"' in console.getvalue()
    assert '"k": "v"' in console.getvalue()
    provider.shutdown()


def test_baggage_and_span_share_one_context(memory):
    """Context API: starting a span keeps every other value of the context."""
    token = context.attach(baggage.set_baggage("tenant", "7"))
    try:
        with memory.tracer.start_as_current_span("x"):
            assert baggage.get_baggage("tenant") == "7"
    finally:
        context.detach(token)


def test_span_context(memory):
    """Trace API, "SpanContext": trace id inherited, own span id, not remote, sampled and random flags, trace state."""
    root = memory.tracer.start_span("root", context=context.Context()).get_span_context()
    assert type(root) is SpanContext
    assert root.is_valid
    assert not root.is_remote
    assert root.trace_flags == TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
    child = memory.tracer.start_span("child", context=under(REMOTE)).get_span_context()
    assert (child.trace_id, child.is_remote, child.trace_flags) == (0xA1, False, TraceFlags.SAMPLED)
    assert child.trace_state == REMOTE.trace_state
    assert child.span_id != REMOTE.span_id


def test_flags_are_inherited_with_the_trace_id(memory):
    """W3C Trace Context Level 2, "Random Trace ID Flag": a child says of the trace id what its parent said."""
    random = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(3))
    for parent, flags in ((random, 3), (REMOTE, 1)):
        child = memory.tracer.start_span("child", context=under(parent))
        grandchild = memory.tracer.start_span("grandchild", context=trace.set_span_in_context(child))
        assert child.get_span_context().trace_flags == grandchild.get_span_context().trace_flags == flags


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, AlwaysRecordSampler(ALWAYS_OFF)], ids=["dropped", "record only"])
def test_other_tracers_follow_the_decision(sampler):
    """Tracing SDK, "Sampling": a child from another SDK under an unsampled span of ours is not recorded."""
    foreign = SdkTracerProvider(shutdown_on_exit=False).get_tracer("theirs")
    with Memory(sampler=sampler).tracer.start_as_current_span("ours") as ours:
        child = foreign.start_span("theirs")
        assert not child.is_recording()
        assert child.get_span_context().trace_id == ours.get_span_context().trace_id
    sampled = Memory()
    with sampled.tracer.start_as_current_span("ours") as ours:
        child = foreign.start_span("theirs")
        assert child.is_recording()
        assert child.parent == ours.get_span_context()


def test_ending_a_span_waits_for_nothing(monkeypatch):
    """Trace API, "End": no blocking I/O in the calling thread, even when nobody answers."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", "off")
    provider = spanhouse.TracerProvider(endpoint="http://127.0.0.1:9", shutdown_on_exit=False)
    tracer = provider.get_tracer("t")
    started = time.monotonic()
    for _ in range(2_000):
        tracer.start_span("n").end()
    assert time.monotonic() - started < 2  # a single attempt to connect, with its retries, takes longer
    assert provider.status().exported == 0
    assert not provider.shutdown(0.1)


class Recording(Sampler):
    """Answers as told and keeps what it was asked."""

    def __init__(self, decision):
        self.decision = decision
        self.asked: list = []

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):
        self.asked.append((parent_context, trace_id, name, kind, dict(attributes), links))
        return SamplingResult(self.decision, {**attributes, "sampler": 1}, TraceState([("s", "2")]))

    def get_description(self):
        return "Recording"


def test_sampler_is_asked_with_the_new_trace_id_and_its_result_is_used():
    """Tracing SDK, "SDK Span creation": trace id, then ShouldSample, then a span id, its attributes and state."""
    sampler = Recording(Decision.RECORD_AND_SAMPLE)
    memory = Memory(sampler=sampler)
    within = under(REMOTE)
    span = memory.tracer.start_span("n", context=within, kind=SpanKind.SERVER, attributes={"a": 1}, links=[])
    span.end()
    assert sampler.asked == [(within, 0xA1, "n", SpanKind.SERVER, {"a": 1}, ())]
    (done,) = memory.spans
    assert dict(done.attributes) == {"a": 1, "sampler": 1}
    assert done.context.trace_state == TraceState([("s", "2")])


def test_a_dropped_span_is_non_recording_with_ids_of_its_own():
    """Tracing SDK, "SDK Span creation": DROP gives a valid, unsampled context, and children follow it."""
    memory = Memory(sampler=Recording(Decision.DROP))
    span = memory.tracer.start_span("n", context=under(REMOTE))
    assert isinstance(span, NonRecordingSpan)
    own = span.get_span_context()
    assert (own.trace_id, own.trace_flags.sampled) == (0xA1, False)
    assert own.is_valid
    assert own.span_id != REMOTE.span_id
    assert memory.spans == ()


def test_record_only_reaches_processors_but_not_the_exporter():
    """Tracing SDK, "Sampling": IsRecording without Sampled."""
    ended = []

    class Watching(SpanProcessor):
        def on_end(self, span):
            ended.append(span)

    with receiving() as receiver:
        provider = spanhouse.TracerProvider(
            sampler=AlwaysRecordSampler(ALWAYS_OFF), endpoint=receiver.endpoint, shutdown_on_exit=False
        )
        provider.add_span_processor(Watching())
        span = provider.get_tracer("t").start_span("n")
        assert span.is_recording()
        assert not span.get_span_context().trace_flags.sampled
        span.end()
        assert provider.shutdown()
        assert [one.name for one in ended] == ["n"]
        assert receiver.spans == []


@pytest.mark.parametrize(
    ("name", "argument", "description"),
    [
        ("always_on", "", "AlwaysOnSampler"),
        ("always_off", "", "AlwaysOffSampler"),
        ("traceidratio", "0.25", "TraceIdRatioBased{0.25}"),
        ("traceidratio", "lots", "TraceIdRatioBased{1.0}"),
        ("parentbased_traceidratio", "0.5", "ParentBased{root:TraceIdRatioBased{0.5}"),
        ("parentbased_always_off", "", "ParentBased{root:AlwaysOffSampler"),
    ],
)
def test_samplers_from_the_environment(monkeypatch, name, argument, description):
    """Environment variables, "General SDK Configuration": OTEL_TRACES_SAMPLER and its argument."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert spanhouse.TracerProvider(export=False).sampler.get_description().startswith(description)


@pytest.mark.parametrize("name", ["", "parentbased_always_on", "nonsense"])
def test_the_default_sampler_is_parent_based(monkeypatch, name, caplog):
    """Environment variables: default parentbased_always_on; an unknown name is reported and ignored."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    memory = Memory()
    assert memory.tracer.start_span("root").is_recording()
    assert memory.tracer.start_span("x", context=under(REMOTE)).is_recording()
    assert not memory.tracer.start_span("x", context=under(UNSAMPLED)).is_recording()
    assert ("OTEL_TRACES_SAMPLER" in caplog.text) == (name == "nonsense")


def test_parent_based_branches_on_remote_and_sampled():
    """Tracing SDK, "ParentBased": four branches and the root."""
    sampler = ParentBased(
        root=TraceIdRatioBased(1.0), remote_parent_sampled=ALWAYS_OFF, local_parent_sampled=ALWAYS_OFF
    )
    memory = Memory(sampler=sampler)
    assert memory.tracer.start_span("root").is_recording()
    assert not memory.tracer.start_span("x", context=under(REMOTE)).is_recording()
    with memory.tracer.start_as_current_span("root"):
        assert not memory.tracer.start_span("local").is_recording()


def test_processors_are_called_in_order_with_the_right_objects(memory):
    """Tracing SDK, "Span processor": OnStart with a writable span and its parent context, OnEnding, OnEnd."""
    calls = []

    class Watching(SpanProcessor):
        def on_start(self, span, parent_context=None):
            calls.append(("start", span, parent_context))
            span.set_attribute("from_start", 1)

        def _on_ending(self, span):
            calls.append(("ending", span.is_recording(), span.end_time is None or span.end_time > 0))
            span.set_attribute("from_ending", 2)

        def on_end(self, span):
            calls.append(("end", span))

    memory.provider.add_span_processor(Watching())
    within = under(REMOTE)
    span = memory.tracer.start_span("n", context=within)
    span.end()
    assert calls[0] == ("start", span, within)
    assert calls[1][:2] == ("ending", True)
    assert type(calls[2][1]) is ReadableSpan
    assert dict(calls[2][1].attributes) == {"from_start": 1, "from_ending": 2}
    assert calls[2][1].parent == REMOTE


def test_limits():
    """Common, "Attribute Limits", and Tracing SDK, "Span Limits": new ones are discarded and counted, values cut."""
    limits = SpanLimits(
        max_span_attributes=2,
        max_events=1,
        max_links=1,
        max_event_attributes=1,
        max_link_attributes=1,
        max_attribute_length=3,
    )
    memory = Memory(span_limits=limits)
    link = Link(REMOTE, {"a": 1, "b": 2})
    span = memory.tracer.start_span("n", attributes={"a": "abcdef", "b": [b"abcdef", ["uvwxyz"]]}, links=[link, link])
    span.set_attribute("c", 3)
    span.set_attribute("a", {"deep": "abcdef"})
    span.add_event("kept", {"x": "abcdef", "y": 1})
    span.add_event("lost")
    span.end()
    (done,) = memory.spans
    assert dict(done.attributes) == {"a": {"deep": "abc"}, "b": (b"abc", ("uvw",))}
    assert (done.dropped_attributes, done.dropped_events, done.dropped_links) == (1, 1, 1)
    assert (dict(done.events[0].attributes), done.events[0].dropped_attributes) == ({"x": "abc"}, 1)
    assert (dict(done.links[0].attributes), done.links[0].dropped_attributes) == ({"a": 1}, 1)


def test_limits_from_the_environment(monkeypatch, caplog):
    """Environment variables, "Attribute Limits" and "Span Limits": specific before general, empty is unset."""
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "5")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3")
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "")
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "-4")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "9")
    limits = spanhouse.TracerProvider(export=False).limits
    assert (limits.max_span_attributes, limits.max_event_attributes) == (3, 5)
    assert (limits.max_events, limits.max_links) == (128, 128)
    assert (limits.max_span_attribute_length, limits.max_attribute_length) == (9, 9)
    assert "OTEL_SPAN_LINK_COUNT_LIMIT" in caplog.text


def test_values_nested_too_deeply_become_empty(memory):
    """Common, "Attribute Limits": depth is limited, and a value that contains itself ends there."""
    endless: list = []
    endless.append(endless)
    span = memory.tracer.start_span("n", attributes={"endless": endless})
    span.end()
    value, depth = memory.spans[0].attributes["endless"], 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 64


def test_links_without_a_valid_context_are_kept_when_they_say_something(memory):
    """Tracing API, "Link": invalid contexts only with attributes or trace state."""
    invalid = SpanContext(0, 0, is_remote=False)
    stateful = SpanContext(0, 0, is_remote=False, trace_state=TraceState([("a", "b")]))
    span = memory.tracer.start_span("n", links=[Link(invalid), Link(invalid, {"a": 1}), Link(stateful)])
    span.add_link(invalid)
    span.add_link(invalid, {"b": 2})
    span.end()
    assert [dict(link.attributes) for link in memory.spans[0].links] == [{"a": 1}, {}, {"b": 2}]


def test_exceptions_in_a_span_block(memory):
    """Trace API, "Record Exception": Exceptions only, ERROR with "Type: message", type qualified by its module."""

    class Local(Exception):
        pass

    for error in (Local("m"), KeyError("k")):
        with pytest.raises(type(error)), memory.tracer.start_as_current_span("block"):
            raise error
        with pytest.raises(type(error)), memory.tracer.start_span("span"):
            raise error
    with pytest.raises(SystemExit), memory.tracer.start_as_current_span("exit"):
        raise SystemExit
    with pytest.raises(GeneratorExit), memory.tracer.start_span("close"):
        raise GeneratorExit
    *failed, left, closed = memory.spans
    assert [span.status.description for span in failed] == ["Local: m", "Local: m", "KeyError: 'k'", "KeyError: 'k'"]
    types = [span.events[0].attributes["exception.type"] for span in failed]
    assert types[0] == f"{__name__}.{Local.__qualname__}"
    assert types[2] == "KeyError"
    assert all("exception.escaped" not in span.events[0].attributes for span in failed)
    assert {left.status.status_code, closed.status.status_code} == {StatusCode.UNSET}
    assert not left.events + closed.events


def test_recording_and_status_on_exception_can_be_switched_off(memory):
    """Trace API, Python's record_exception and set_status_on_exception, separately and together."""
    for record, status in ((True, False), (False, True), (False, False)):
        with (
            pytest.raises(KeyError),
            memory.tracer.start_as_current_span("n", record_exception=record, set_status_on_exception=status),
        ):
            raise KeyError
        with (
            pytest.raises(KeyError),
            memory.tracer.start_span("n", record_exception=record, set_status_on_exception=status),
        ):
            raise KeyError
    seen = [(bool(span.events), span.status.status_code is StatusCode.ERROR) for span in memory.spans]
    assert seen == [(True, False)] * 2 + [(False, True)] * 2 + [(False, False)] * 2


def test_status_rules(memory):
    """Trace API, "Set Status": Ok is final, Unset is ignored, a description only with Error, the last Error wins."""
    span = memory.tracer.start_span("n")
    span.set_status(StatusCode.ERROR, "first")
    span.set_status(StatusCode.UNSET)
    span.set_status(StatusCode.ERROR, "second")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "second")
    span.set_status(StatusCode.OK, "ignored")
    span.set_status(StatusCode.ERROR, "too late")
    assert (span.status.status_code, span.status.description) == (StatusCode.OK, None)


def test_after_the_end_nothing_changes(memory, caplog):
    """Trace API, "End": calls are ignored, is_recording is False, the span may still be a parent."""
    span = memory.tracer.start_span("n")
    span.end(7)
    span.set_attribute("late", 1)
    span.add_event("late")
    span.update_name("late")
    span.set_status(StatusCode.ERROR)
    span.end(9)
    assert not span.is_recording()
    (done,) = memory.spans
    assert (done.name, done.end_time, dict(done.attributes), done.events) == ("n", 7, {}, ())
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    child = memory.tracer.start_span("child", context=trace.set_span_in_context(span))
    assert child.parent.span_id == span.get_span_context().span_id


def test_resource_precedence(monkeypatch):
    """Resource SDK: code, then OTEL_SERVICE_NAME, then OTEL_RESOURCE_ATTRIBUTES (percent-decoded), then a fallback."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=low,team=a%2Cb, region = eu ,broken")
    found = spanhouse.TracerProvider(export=False).resource.attributes
    assert (found["service.name"], found["team"], found["region"]) == ("low", "a,b", "eu")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "middle")
    assert spanhouse.TracerProvider(export=False).resource.attributes["service.name"] == "middle"
    high = spanhouse.TracerProvider(export=False, attributes={"service.name": "high"}).resource.attributes
    assert high["service.name"] == "high"
    assert high["telemetry.sdk.name"] == "spanhouse"
    assert high["telemetry.sdk.language"] == "python"
    assert high["service.instance.id"]
    given = Resource({"only": "this"})
    assert dict(spanhouse.TracerProvider(export=False, resource=given).resource.attributes) == {"only": "this"}
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES")
    fallback = spanhouse.TracerProvider(export=False).resource.attributes["service.name"]
    assert fallback.startswith("unknown_service:python")


def test_resource_detectors(monkeypatch):
    """Resource SDK, "Detecting resource information": OTEL_EXPERIMENTAL_RESOURCE_DETECTORS is honoured."""
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "process")
    found = spanhouse.TracerProvider(export=False).resource.attributes
    assert found["process.runtime.name"] == "cpython"
    assert found["telemetry.sdk.name"] == "spanhouse"


def test_disabled_gives_no_op_tracers(monkeypatch):
    """Environment variables: OTEL_SDK_DISABLED=true makes tracers that do nothing; propagators still work."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracer = spanhouse.TracerProvider(export=False).get_tracer("t")
    header = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage": "tenant=7"}
    within = propagate.extract(header, context.Context())
    span = tracer.start_span("n", context=within)
    assert not span.is_recording()
    passed_on: dict[str, str] = {}
    propagate.inject(passed_on, trace.set_span_in_context(span, within))
    assert passed_on == header


class Sequence(IdGenerator):
    """Ids that can be predicted, and are not random."""

    def __init__(self):
        self.last = 0

    def generate_span_id(self):
        self.last += 1
        return self.last

    def generate_trace_id(self):
        return 0xFEED


def test_id_generators(memory):
    """Tracing SDK, "Id Generators": used for both ids; without randomness the random flag is not set."""
    memory = Memory(id_generator=Sequence())
    first = memory.tracer.start_span("a", context=context.Context()).get_span_context()
    assert (first.trace_id, first.span_id, first.trace_flags) == (0xFEED, 1, TraceFlags.SAMPLED)
    assert memory.tracer.start_span("b", context=under(first)).get_span_context().span_id == 2


def test_everything_arrives_over_the_wire():
    """What the provider exports by itself, with a sampler and a processor in play, decoded officially."""
    with receiving() as receiver:
        provider = spanhouse.TracerProvider(
            endpoint=receiver.endpoint, sampler=Recording(Decision.RECORD_AND_SAMPLE), attributes={"service.name": "w"}
        )
        provider.add_span_processor(SpanProcessor())
        tracer = provider.get_tracer("scope", "2", "https://schema", {"s": 1})
        with tracer.start_as_current_span("n", context=under(REMOTE), links=[Link(REMOTE, {"l": 1})]) as span:
            span.add_event("e", {"k": "v"})
        assert provider.shutdown()
        (request,) = receiver.requests
        scope = request.resource_spans[0].scope_spans[0]
        assert (scope.scope.name, scope.scope.version, scope.schema_url) == ("scope", "2", "https://schema")
        assert attributes(scope.scope) == {"s": 1}
        (sent,) = scope.spans
        assert sent.trace_state == "s=2"
        assert sent.flags == 0x301
        assert attributes(sent) == {"sampler": 1}
        assert (sent.links[0].span_id, attributes(sent.links[0])) == (bytes(7) + b"\xb2", {"l": 1})
        assert (sent.events[0].name, attributes(sent.events[0])) == ("e", {"k": "v"})


class Broken(SpanProcessor):
    """Fails whenever it is called."""

    def on_start(self, span, parent_context=None):
        raise RuntimeError("on_start")

    def _on_ending(self, span):
        raise RuntimeError("on_ending")

    def on_end(self, span):
        raise RuntimeError("on_end")


class BrokenSampler(Recording):
    """Fails whenever it is asked."""

    def should_sample(self, *args, **kwargs):
        raise RuntimeError("sampler")


def test_what_others_break_does_not_break_the_program(memory, caplog):
    """Error handling, "Basic error handling principles": a broken processor or sampler costs a log line."""
    memory.provider.add_span_processor(Broken())
    with memory.tracer.start_as_current_span("survives"):
        pass
    assert [span.name for span in memory.spans] == ["survives"]

    @spanhouse.capture(name="spec.broken")
    def work():
        return 5

    with captured_spans(sampler=BrokenSampler(Decision.DROP)):
        assert work() == 5
    with runtime.using(memory.provider):
        assert work() == 5
    assert memory.spans[-1].name == "spec.broken"
    assert spanhouse.stats(work).calls == 2
    assert {"on_start", "on_ending", "on_end", "sampler"} <= {
        str(record.exc_info[1]) for record in caplog.records if record.exc_info
    }
