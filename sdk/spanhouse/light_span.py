"""A real OpenTelemetry span that costs a microsecond: it lives in the OTel context, others nest under it.

Ids are kept as the wire wants them, times as readings of the monotonic clock. SpanContext, attributes, events
and links are made when somebody asks for them. A finished span leaves as bytes at once, so nothing waits in
a queue that a garbage collector would have to walk.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanhouse import active, details, ids, limits
from spanhouse.clock import ANCHOR, now_ns
from spanhouse.details import Details
from spanhouse.readable import ReadableSurface, snapshot
from spanhouse.statistics import FOLD_AT
from spanhouse_exporter import span_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from opentelemetry.context import Context

    from spanhouse.site import Site

_logger = logging.getLogger(__name__)

RANDOM_TRACE_ID = 0x02
"""W3C Trace Context Level 2, "Trace Flags": the trace id is random. The API has had a name for it only of late."""
SAMPLED_RANDOM = span_bytes.FLAG_HAS_REMOTE | TraceFlags.SAMPLED | RANDOM_TRACE_ID
"""Flags of nearly every span: sampled, random trace id, parent not remote."""
RECORD_ONLY = 1 << 16
"""Not OTLP: recorded for processors, not exported."""
TRACE_STATE = 1 << 17
"""Not OTLP: carries a trace state that children inherit."""
_W3C_FLAGS = 0xFF
_reset = active.reset
_OTLP_FLAGS = 0xFFFF


class LightSpan(trace.Span, ReadableSurface):
    """One recording span. `Site.start` fills the slots; the constructor would cost more than all of them.

    Concurrency: a span is ended by whoever made it. Ending the same span from two threads at the same instant
    is a misuse that could export it twice; a lock for that would be paid by every span.
    """

    __slots__ = (
        "_span_context",
        "details",
        "end_mono",
        "flags",
        "on_exception",
        "parent_id",
        "site",
        "span_id",
        "start_mono",
        "token",
        "trace_id",
    )

    site: Site
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    """b"" for a root."""
    flags: int
    """OTLP Span.flags: W3C flags, and bits 8 and 9 about the parent."""
    start_mono: int
    end_mono: int
    """0 while recording."""
    details: Details | None
    token: Any
    """What undoes making this span current; None for a span that never was."""
    on_exception: tuple[bool, bool]
    """(record it, set the status) when used as a context manager; unset means both."""
    _span_context: SpanContext

    # How captured calls and blocks use a span.

    @property
    def span(self) -> LightSpan:
        """The span of this call: itself."""
        return self

    def leave(self) -> None:
        """The call returned."""
        end = now_ns()
        try:  # noqa: SIM105 - suppress() costs more than the rest of this function
            _reset(self.token)
        except (ValueError, RuntimeError):
            pass  # `active.detach`, spelled out
        site = self.site
        durations = site.durations
        if self.details is not None or self.end_mono or durations is None or not site.tracer.provider.plain:
            if not self.end_mono:
                self._finish(end)
            return
        # What `_finish` comes to for a span that carries nothing of its own, without its calls.
        self.end_mono = end
        start = self.start_mono
        durations.append(end - start)
        if len(durations) >= FOLD_AT:
            site.statistics.relieve()  # type: ignore[union-attr]  # there are durations, so there are statistics
        offset = ANCHOR.offset_ns
        if self.parent_id:
            encoded = site.stamp_child(
                self.trace_id, self.span_id, self.parent_id, start + offset, end + offset, self.flags
            )
        else:
            encoded = site.stamp_root(self.trace_id, self.span_id, start + offset, end + offset, self.flags)
        intake = site.intake
        items = intake.items
        items.append(encoded)
        if len(items) >= intake.threshold:
            intake.carry()

    def fail(self, error: BaseException, skip_frames: int = 0) -> None:
        """The call raised. Only `Exception`s are errors: GeneratorExit, CancelledError and SystemExit are not.

        `skip_frames` leaves our own frames out of the stack trace.
        """
        end = now_ns()
        active.detach(self.token)
        if not self.end_mono:
            failed = isinstance(error, Exception)
            if failed:
                self._describe(error, skip_frames)
            self._finish(end, failed=failed)

    def suspend(self) -> Context:
        """A generator hands over to its consumer, whose context must be as if the generator did not exist."""
        inside = active.current()
        active.detach(self.token)
        return inside

    def resume(self, inside: Context) -> None:
        """The generator goes on, in the context in which it stopped."""
        self.token = active.attach(inside)

    # opentelemetry.trace.Span

    def get_span_context(self) -> SpanContext:
        """The real SpanContext, made when first asked for."""
        try:
            return self._span_context
        except AttributeError:
            state = self.details.trace_state if self.details is not None else None
            self._span_context = SpanContext(
                ids.from_wire(self.trace_id),
                ids.from_wire(self.span_id),
                is_remote=False,
                trace_flags=TraceFlags(self.flags & _W3C_FLAGS),
                trace_state=state,
            )
            return self._span_context

    def is_recording(self) -> bool:
        """True until the span has ended."""
        return not self.end_mono

    def set_attribute(self, key: str, value: Any) -> None:
        """Sets one attribute; ignored after the end."""
        extra = self._writable("set_attribute")
        if extra is not None:
            extra.set_attribute(key, value, self.site.limits, self.site.attributes)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Sets several attributes; ignored after the end."""
        extra = self._writable("set_attributes")
        if extra is not None:
            for key, value in attributes.items():
                extra.set_attribute(key, value, self.site.limits, self.site.attributes)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """Adds an event, now unless `timestamp` (nanoseconds since the epoch) says otherwise."""
        extra = self._writable("add_event")
        if extra is not None:
            at = now_ns() + ANCHOR.offset_ns if timestamp is None else timestamp
            extra.add_event(name, at, attributes, self.site.limits)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Adds a link to a valid context, or to an invalid one that carries attributes or a trace state."""
        extra = self._writable("add_link")
        if extra is not None and (context.is_valid or attributes or context.trace_state):
            extra.add_link(context, attributes, self.site.limits)

    def update_name(self, name: str) -> None:
        """Renames this span only."""
        extra = self._writable("update_name")
        if extra is not None:
            extra.name = str(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Ok is final, Unset is ignored, a description counts only with Error (trace API, "Set Status")."""
        extra = self._writable("set_status")
        if extra is None:
            return
        if isinstance(status, Status):
            extra.set_status(status.status_code.value, status.description or "")
        else:
            extra.set_status(status.value, description or "")

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002 - the API's signature; the attribute is deprecated
    ) -> None:
        """Adds an `exception` event; the caller's `attributes` win over ours."""
        self.add_event("exception", {**details.exception_attributes(exception), **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """Ends the span, now unless `end_time` (nanoseconds since the epoch) says otherwise."""
        now = now_ns()
        extra = self._writable("end")
        if extra is not None:
            extra.end_ns = end_time
            self._finish(now)

    def end_at(self, end_mono: int, end_ns: int) -> None:
        """Ends a span whose end was measured elsewhere: monotonic for its duration, wall time for its record."""
        self.details = self.details or Details()
        self.details.end_ns = end_ns
        self._finish(end_mono)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Ends the span, describing an exception first."""
        if isinstance(exc_val, Exception) and not self.end_mono:
            record, set_status = getattr(self, "on_exception", (True, True))
            if record and set_status:
                self._describe(exc_val)
            elif record:
                self.record_exception(exc_val)
            elif set_status:
                self.set_status(StatusCode.ERROR, _message(exc_val))
        self.end()

    # Private.

    def _writable(self, what: str) -> Details | None:
        if self.end_mono:
            _logger.warning("%s on the ended span %s", what, self.site.name)
            return None
        if self.details is None:
            self.details = Details()
        return self.details

    def _describe(self, error: BaseException, skip_frames: int = 0) -> None:
        extra = self.details = self.details or Details()
        site = self.site
        if extra.status != details.OK:
            extra.set_attribute("error.type", details.exception_type(error), site.limits, site.attributes)
            extra.set_status(details.ERROR, _message(error))
        given = details.exception_attributes(error, skip_frames=skip_frames)
        extra.add_event("exception", now_ns() + ANCHOR.offset_ns, given, site.limits)

    def _finish(self, end_mono: int, *, failed: bool = False) -> None:
        site = self.site
        if self.details is not None and self.details.lossy:
            limits.report(self.name)
        if site.statistics is not None:
            site.statistics.add(end_mono - self.start_mono, failed=failed)
        if not site.tracer.provider.plain:
            self._finish_with_processors(end_mono)
            return
        self.end_mono = end_mono
        site.intake.put(self._encode())

    def _finish_with_processors(self, end_mono: int) -> None:
        """The end as processors see it (trace SDK, "OnEnding"): its time is fixed, the span still writable."""
        provider = self.site.tracer.provider
        extra = self.details = self.details or Details()
        if extra.end_ns is None:
            extra.end_ns = end_mono + ANCHOR.offset_ns
        for processor in provider.processors:
            try:
                # The SDK has no public name for this yet, and types it for its own span.
                processor._on_ending(self)  # type: ignore[arg-type]  # noqa: SLF001
            except Exception:
                _logger.exception("spanhouse: _on_ending of %s failed", type(processor).__name__)
        self.end_mono = end_mono
        if provider.processors:
            readable = snapshot(self)
            for processor in provider.processors:
                try:
                    processor.on_end(readable)
                except Exception:
                    _logger.exception("spanhouse: on_end of %s failed", type(processor).__name__)
        if provider.exports and not self.flags & RECORD_ONLY:
            self.site.intake.put(self._encode())

    def _encode(self) -> bytes:
        extra = self.details
        if extra is not None:
            return self._assemble(extra)
        site = self.site
        offset = ANCHOR.offset_ns
        start, end, flags = self.start_mono + offset, self.end_mono + offset, self.flags
        if flags > _OTLP_FLAGS:
            flags &= _OTLP_FLAGS
        if self.parent_id:
            return site.stamp_child(self.trace_id, self.span_id, self.parent_id, start, end, flags)
        return site.stamp_root(self.trace_id, self.span_id, start, end, flags)

    def _assemble(self, extra: Details) -> bytes:
        start, end = extra.start_ns, extra.end_ns
        return span_bytes.assemble(
            self.trace_id,
            self.span_id,
            self.parent_id,
            self.start_mono + ANCHOR.offset_ns if start is None else start,
            self.end_mono + ANCHOR.offset_ns if end is None else end,
            self.flags & _OTLP_FLAGS,
            extra.encode(self.site.name, self.site.otlp_kind, self.site.attributes, self.site.dropped_attributes),
        )


def _message(error: BaseException) -> str:
    return f"{type(error).__name__}: {details.exception_text(error)}"
