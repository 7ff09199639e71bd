"""For your own tests: see which spans your code makes, without a server and without waiting.

    with spanhouse.testing.captured_spans() as spans:
        my_function()
    assert [span.name for span in spans] == ["my_module.my_function"]

The spans are real ones, finished, as the OpenTelemetry SDK's `ReadableSpan` shows them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from opentelemetry.sdk.trace import SpanProcessor

from spanhouse import runtime
from spanhouse.provider import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class CapturedSpans(SpanProcessor):
    """Finished spans in the order in which they ended; a sequence that grows as your code runs.

    Concurrency: spans of all threads are appended, which is atomic.
    """

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keeps a finished span."""
        self._spans.append(span)

    def named(self, name: str) -> list[ReadableSpan]:
        """Spans whose name is `name` or ends in `.name`."""
        return [span for span in self._spans if span.name == name or span.name.endswith(f".{name}")]

    def children_of(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Spans directly under `parent`."""
        above = parent.get_span_context()
        return [
            span
            for span in self._spans
            if span.parent is not None and above is not None and span.parent.span_id == above.span_id
        ]

    def clear(self) -> None:
        """Forgets the spans so far."""
        self._spans.clear()

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(list(self._spans))

    @overload
    def __getitem__(self, index: int) -> ReadableSpan: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ReadableSpan]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._spans[index]


@contextmanager
def captured_spans(**options: Any) -> Iterator[CapturedSpans]:
    """Everything captured while this is open goes into memory, and nowhere else.

    `options` are those of `TracerProvider`, for tests of sampling or limits. Captures of all threads are taken, even
    when the application has set a tracer provider of its own.
    """
    spans = CapturedSpans()
    provider = TracerProvider(export=False, shutdown_on_exit=False, **options)
    provider.add_span_processor(spans)
    try:
        with runtime.using(provider):
            yield spans
    finally:
        provider.shutdown()
