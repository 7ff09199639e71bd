"""Where finished spans of one scope wait, as bytes, until somebody carries them to the pipeline.

`put` is all that a caller pays: one list append and one comparison. Bytes rather than objects wait here, so a
full queue costs what its bytes cost, and gives the host's garbage collector nothing to walk.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanhouse_exporter.pipeline import Pipeline

CHUNK_SPANS = 512
"""Spans joined into one chunk: large enough that carrying costs nothing per span, small enough to stay in
cache.
"""
CHUNK_BYTES = 256 * 1024
"""A chunk is cut before it grows past this, so that any few of them fit a request."""
LARGE_SPAN_BYTES = 8 * 1024
"""A span this large is carried over at once: 512 of them would be too much to leave uncounted."""
_HARD_LIMIT_SPANS = 16 * CHUNK_SPANS
_LONGEST_WAIT_SECONDS = 0.1
_LONGEST_FLUSH_WAIT_SECONDS = 0.5

PARKED = 1
"""Threshold while the worker sleeps for good: the very next span wakes it."""


class Intake:
    """Finished spans of one instrumentation scope.

    Concurrency: any thread appends, which is atomic, and only the holder of `_lock` removes, always from the
    front and never more than it counted, so no span is lost or taken twice. A caller who finds the lock
    taken leaves the work to its holder, and waits for it, shortly, only when thousands have gathered.
    """

    __slots__ = ("_lock", "_pipeline", "scope", "spans", "threshold")

    def __init__(self, pipeline: Pipeline, scope: bytes) -> None:
        self._pipeline = pipeline
        self.scope: bytes = scope
        """Encoded scope, from `envelope.scope_fields`."""
        self.spans: list[bytes] = []
        """Encoded spans, newest last. Captured calls append here themselves, then compare with `threshold`.
        """
        self.threshold: int = PARKED
        """`carry` is due when `spans` is this long."""
        self._lock = threading.Lock()

    def put(self, span: bytes) -> None:
        """Takes one encoded span; never blocks, never raises."""
        spans = self.spans
        spans.append(span)
        if len(spans) >= self.threshold or len(span) > LARGE_SPAN_BYTES:
            self.carry()

    def carry(self, *, wait: bool = False) -> None:
        """Moves what waits here to the pipeline; `wait` only off the caller's path (worker, flush)."""
        # Never without an end: the holder may be this very thread, interrupted by a signal whose handler flushes.
        if not self._lock.acquire(timeout=_LONGEST_FLUSH_WAIT_SECONDS if wait else 0):
            # Somebody is carrying. Only when thousands have gathered meanwhile is it worth a wait, which also gives
            # the interpreter lock to that somebody.
            if len(self.spans) <= _HARD_LIMIT_SPANS:
                return
            if not self._lock.acquire(timeout=_LONGEST_WAIT_SECONDS):
                self._shed()
                return
        try:
            count = len(self.spans)
            taken = self.spans[:count]
            del self.spans[:count]
            if taken:
                # Still under the lock: a flush that finds this intake empty must find its spans in the
                # pipeline.
                self._hand_over(taken)
        finally:
            self._lock.release()

    def clear(self) -> None:
        """After a fork: what waits belongs to the parent, and the lock may be held by a thread that is gone."""
        self._lock = threading.Lock()
        self.spans.clear()
        self.threshold = PARKED

    def _hand_over(self, spans: list[bytes]) -> None:
        chunk = b"".join(spans)
        if len(spans) > 1 and (len(spans) > CHUNK_SPANS or len(chunk) > CHUNK_BYTES):
            middle = len(spans) // 2
            self._hand_over(spans[:middle])
            self._hand_over(spans[middle:])
        else:
            self._pipeline.accept(self, chunk, len(spans))

    def _shed(self) -> None:
        """Takes the newest span back: the thread that should carry has not run for thousands of calls."""
        try:
            self.spans.pop()
        except IndexError:
            return
        self._pipeline.count_overflow()
