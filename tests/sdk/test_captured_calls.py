import asyncio
import inspect

import pytest
from opentelemetry import trace
from otlp_receiver import attributes

import spanhouse
from spanhouse.errors import CaptureError


@spanhouse.capture
def add(left: int, right: int = 1) -> int:
    """Adds."""
    return left + right


@spanhouse.capture
async def add_later(left, right):
    await asyncio.sleep(0)
    return add(left, right)


def test_a_captured_function_returns_and_reports_one_span(receiver):
    """Name, kind, ids, times and code attributes of a span as the receiver decodes it."""
    assert add(2, right=3) == 5
    assert spanhouse.flush(10)
    (span,) = receiver.spans
    assert span.name == f"{__name__}.add"
    assert span.kind == span.SPAN_KIND_INTERNAL
    assert len(span.trace_id) == 16
    assert len(span.span_id) == 8
    assert span.parent_span_id == b""
    assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 10**9
    carried = attributes(span)
    assert carried["code.function.name"] == span.name
    assert carried["code.file.path"] == __file__
    assert carried["code.line.number"] == inspect.getsourcelines(add)[1]
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert receiver.resource()["service.name"] == "client-tests"


def test_calls_nest_through_the_opentelemetry_context(receiver):
    """A captured coroutine, a span of the API inside it and a captured function inside that are one trace."""

    @spanhouse.capture(name="outer")
    async def outer():
        here = trace.get_current_span()
        assert isinstance(here, trace.Span)
        assert here.is_recording()
        await asyncio.gather(add_later(1, 2), add_later(3, 4))
        return here.get_span_context()

    context = asyncio.run(outer())
    assert trace.get_current_span() is trace.INVALID_SPAN
    spanhouse.flush(10)
    by_id = {span.span_id: span for span in receiver.spans}
    (top,) = receiver.named("outer")
    assert top.span_id == context.span_id.to_bytes(8, "big")
    assert {span.trace_id for span in by_id.values()} == {context.trace_id.to_bytes(16, "big")}
    parents = [by_id[span.parent_span_id].name.rpartition(".")[2] for span in receiver.named(".add")]
    assert parents == ["add_later", "add_later"]
    assert {span.parent_span_id for span in receiver.named("add_later")} == {top.span_id}


def test_a_remote_parent_is_continued(receiver):
    """A span under a remote SpanContext keeps its trace id and state and says that its parent is remote."""
    remote = trace.SpanContext(
        0xABC, 0xDEF, is_remote=True, trace_flags=trace.TraceFlags(1), trace_state=trace.TraceState([("k", "v")])
    )
    with trace.use_span(trace.NonRecordingSpan(remote)):
        add(1)
    spanhouse.flush(10)
    (span,) = receiver.spans
    assert int.from_bytes(span.trace_id, "big") == 0xABC
    assert int.from_bytes(span.parent_span_id, "big") == 0xDEF
    assert span.flags & 0x300 == 0x300
    assert span.flags & 0xFF == 1
    assert span.trace_state == "k=v"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_exception_is_described_and_raised_untouched(receiver, asynchronous):
    """ERROR status, error.type, an exception event with a stack trace that starts in the user's code."""
    error = KeyError("lost")

    def fails():
        raise error

    async def fails_later():
        raise error

    failing_later = spanhouse.capture(name="fails")(fails_later)
    run = (lambda: asyncio.run(failing_later())) if asynchronous else spanhouse.capture(name="fails")(fails)
    with pytest.raises(KeyError) as caught:
        run()
    assert caught.value is error
    spanhouse.flush(10)
    (span,) = receiver.spans
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert span.status.message == "KeyError: 'lost'"
    assert attributes(span)["error.type"] == "KeyError"
    (event,) = span.events
    assert event.name == "exception"
    assert span.start_time_unix_nano <= event.time_unix_nano
    described = attributes(event)
    assert described["exception.type"] == "KeyError"
    assert described["exception.message"] == "'lost'"
    assert "raise error" in described["exception.stacktrace"]
    assert "capture.py" not in described["exception.stacktrace"]


def test_options_name_the_span_and_add_attributes(receiver):
    """name= and attributes= replace and extend what is found by itself."""

    @spanhouse.capture(name="billing.charge", attributes={"team": "billing", "tier": 2, "tags": ["a", "b"]})
    def charge():
        trace.get_current_span().set_attribute("amount", 12.5)
        trace.get_current_span().set_attribute("tier", 3)

    charge()
    spanhouse.flush(10)
    (span,) = receiver.spans
    assert span.name == "billing.charge"
    carried = attributes(span)
    assert carried["code.function.name"] == f"{__name__}.{charge.__qualname__}"
    assert (carried["team"], carried["tags"], carried["amount"], carried["tier"]) == (
        "billing",
        ["a", "b"],
        12.5,
        3,
    )


def test_a_wrapped_function_looks_like_the_original():
    """Signature, docstring, coroutine-ness and __wrapped__ are kept."""
    assert str(inspect.signature(add)) == "(left: int, right: int = 1) -> int"
    assert inspect.getfullargspec(add).args == ["left", "right"]
    assert add.__doc__ == "Adds."
    assert add.__wrapped__.__code__.co_name == "add"
    assert inspect.iscoroutinefunction(add_later)
    assert not inspect.iscoroutinefunction(add)


@pytest.mark.parametrize(
    "decorate",
    [
        lambda: spanhouse.capture(3),
        lambda: spanhouse.capture(name=3),
        lambda: spanhouse.capture(kind="server"),
        lambda: spanhouse.capture(name="x")("y"),
    ],
)
def test_bad_use_is_refused_at_decoration(decorate):
    """A CaptureError that is also a TypeError, before any call."""
    with pytest.raises(CaptureError, match="capture") as caught:
        decorate()
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(("variable", "text"), [("SPANHOUSE_ENABLED", "0"), ("OTEL_SDK_DISABLED", "true")])
def test_switched_off_the_function_itself_is_returned(monkeypatch, variable, text):
    """Not even a wrapper remains."""
    monkeypatch.setenv(variable, text)

    def plain():
        return 1

    assert spanhouse.capture(plain) is plain
    assert spanhouse.capture(name="x")(plain) is plain


def test_every_span_is_counted(receiver):
    """Captured = exported = received, over many chunks and requests."""
    for number in range(20_000):
        add(number)
    assert spanhouse.flush(20)
    status = spanhouse.exporter_status()
    assert (status.exported, status.queued, status.failed) == (20_000, 0, 0)
    assert len(receiver.spans) == 20_000
    assert len({span.span_id for span in receiver.spans}) == 20_000
    assert len({span.trace_id for span in receiver.spans}) == 20_000
