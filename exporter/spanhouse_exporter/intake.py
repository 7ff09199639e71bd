"""Where finished spans or log records of one scope wait, as bytes, until somebody carries them to the pipeline.

`put` is all that a caller pays: one list append and one comparison. Bytes rather than objects wait here, so a
full queue costs what its bytes cost, and gives the host's garbage collector nothing to walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanhouse_exporter.pipeline import Pipeline

CHUNK_ITEMS = 512
"""Items joined into one chunk: large enough that carrying costs nothing per item, small enough to stay in
cache.
"""
CHUNK_BYTES = 256 * 1024
"""A chunk is cut before it grows past this, so that any few of them fit a request."""
LARGE_ITEM_BYTES = 8 * 1024
"""An item this large is carried over at once: 512 of them would be too much to leave uncounted."""

PARKED = 1
"""Threshold while the worker sleeps for good: the very next item wakes it."""


class Intake:
    """Finished items of one instrumentation scope.

    Concurrency: any thread appends, which is atomic. Carrying takes two steps, `carry` from `items` to `pieces` and the
    pipeline's `accept` from there into its queue, each under the pipeline's lock and each done once whoever comes. In
    both, nothing is called while the lock is held, and CPython runs the handlers of signals between calls only: a
    handler may raise, flush, or wait for threads that make items. Whoever is interrupted between the steps leaves
    a piece behind, held by nobody, that the next one to carry hands over.
    """

    __slots__ = ("_pipeline", "items", "pieces", "scope", "threshold")

    def __init__(self, pipeline: Pipeline, scope: bytes) -> None:
        self._pipeline = pipeline
        self.scope: bytes = scope
        """Encoded scope, from `envelope.scope_fields`."""
        self.items: list[bytes] = []
        """Encoded items, newest last. Captured calls append here themselves, then compare with `threshold`."""
        self.pieces: list[list[bytes]] = []
        """On their way from here to the pipeline, oldest first."""
        self.threshold: int = PARKED
        """`carry` is due when `items` is this long."""

    @property
    def waiting(self) -> int:
        """Items that the pipeline does not know of yet."""
        return len(self.items) + sum(map(len, self.pieces))

    def put(self, item: bytes) -> None:
        """Takes one encoded item; never blocks, never raises."""
        items = self.items
        items.append(item)
        if len(items) >= self.threshold or len(item) > LARGE_ITEM_BYTES:
            self.carry()

    def carry(self) -> None:
        """Moves what waits here to the pipeline; when it returns, all items finished before are there."""
        items, pieces, lock, most = self.items, self.pieces, self._pipeline.lock, self._pipeline.chunk_items
        for _ in range(len(items) // most + 1):
            with lock:  # no calls: see above
                if items:
                    pieces += [items[:most]]
                    del items[:most]
        while pieces:
            self._hand_over()

    def clear(self) -> None:
        """After a fork: what waits belongs to the parent."""
        self.items.clear()
        self.pieces.clear()
        self.threshold = PARKED

    def _hand_over(self) -> None:
        """The oldest piece; nothing when another thread has just done that."""
        pieces = self.pieces
        for piece in pieces[:1]:
            chunk = b"".join(piece)
            middle = len(piece) // 2
            if middle and len(chunk) > CHUNK_BYTES:
                halves = [piece[:middle], piece[middle:]]
                with self._pipeline.lock:  # no calls: see above
                    if pieces and pieces[0] is piece:
                        pieces[:1] = halves
            else:
                self._pipeline.accept(self, piece, chunk)
