import subprocess
import sys

from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import spanhouse
from spanhouse.testing import captured_spans


@spanhouse.capture
def inner():
    return spanhouse.capture(lambda: 1)()


@spanhouse.capture
def outer():
    return inner()


def test_captured_spans_is_a_sequence_of_readable_spans():
    """Names, parents, slices; only what ran inside."""
    outer()
    with captured_spans() as spans:
        assert outer() == 1
        assert len(spans) == 3
        (top,) = spans.named("outer")
        assert type(top) is ReadableSpan
        (below,) = spans.children_of(top)
        assert below.name == f"{__name__}.inner"
        assert spans[-1] is top
        assert list(spans[:1]) == [next(iter(spans))]
        spans.clear()
        assert list(spans) == []
    outer()
    assert len(spans) == 0


def test_captured_spans_can_be_nested_and_take_options():
    """The innermost takes all; sampler and limits are those of TracerProvider."""
    with captured_spans() as first:
        with captured_spans(sampler=ALWAYS_OFF) as second:
            outer()
        with captured_spans(span_limits=SpanLimits(max_span_attributes=1)) as third:
            inner()
        outer()
    assert (len(first), len(second), len(third)) == (3, 0, 2)
    assert len(third[0].attributes) == 1


def test_it_wins_over_a_provider_that_the_application_has_set():
    """In a process with the SDK's provider set globally."""
    script = """
import spanhouse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from spanhouse.testing import captured_spans
trace.set_tracer_provider(TracerProvider())

@spanhouse.capture
def work(): ...

work()
with captured_spans() as spans:
    work()
work()
print(len(spans), spanhouse.stats(work).calls)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "3"]
