"""Trace and span ids in wire form, taken from batches of kernel randomness.

The batch lies in memory that the kernel wipes in a forked child where it can (Linux, MADV_WIPEONFORK), so
even a process that forks without running Python's hooks never repeats its parent's ids: it finds zeros, which
is also how it learns that it was forked. Elsewhere the fork hook does the same.
"""

import mmap
import os
import sys
from struct import Struct
from typing import TYPE_CHECKING, Any

from spanhouse import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_BYTES = 4 * mmap.PAGESIZE
_WIPE_ON_FORK = 18
"""MADV_WIPEONFORK of Linux 4.14, madvise(2); the mmap module does not name it."""
NO_SPAN_ID = bytes(8)
EXHAUSTED = (NO_SPAN_ID,)
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


def _random_memory() -> mmap.mmap | bytes:
    if sys.platform != "linux":
        return os.urandom(_BATCH_BYTES)
    memory = mmap.mmap(-1, _BATCH_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(_WIPE_ON_FORK)
    except OSError:  # an older or emulated kernel
        return os.urandom(_BATCH_BYTES)
    memory[:] = os.urandom(_BATCH_BYTES)
    return memory


class IdBatch:
    """Hands out tuples of ids laid out as `layout` says, the span id last.

    Concurrency: taking the next tuple is one call into C, atomic under the interpreter lock; a batch is never
    refilled in place but replaced, so two threads that find it empty waste ids and repeat none. Without that
    lock (free-threaded builds) every id is drawn from the kernel by itself.
    """

    __slots__ = ("_layout", "batch")

    def __init__(self, layout: str) -> None:
        self._layout = Struct(layout)
        self.batch: Iterator[tuple[Any, ...]] = iter(())
        """What is left. Captured calls take from it themselves, and call `take` on `EXHAUSTED` or `NO_SPAN_ID`."""
        forks.on_fork(self.clear)

    def take(self) -> tuple[Any, ...]:
        """The next tuple of ids."""
        ids = next(self.batch, EXHAUSTED)
        if ids[-1] != NO_SPAN_ID:
            return ids
        if ids is not EXHAUSTED:
            forks.noticed_late()
        return self._refill()

    def clear(self) -> None:
        """Forgets the batch, in a forked child."""
        self.batch = iter(())

    def _refill(self) -> tuple[Any, ...]:
        ids: tuple[Any, ...]
        if _FREE_THREADED:
            ids = self._layout.unpack(os.urandom(self._layout.size))
            return ids
        memory = _random_memory()
        usable = memoryview(memory)[: _BATCH_BYTES - _BATCH_BYTES % self._layout.size]
        batch = self._layout.iter_unpack(usable)
        ids = next(batch)
        self.batch = batch
        return ids


def to_wire(number: int, size: int) -> bytes:
    """An id of the OpenTelemetry API (an integer) as the wire's big-endian bytes."""
    return number.to_bytes(size, "big")


def from_wire(wire: bytes) -> int:
    """The wire's big-endian bytes as an id of the OpenTelemetry API."""
    return int.from_bytes(wire, "big")


ROOTS = IdBatch("16s8s")
"""(trace id, span id) for spans without a parent."""
CHILDREN = IdBatch("8s")
"""(span id,) for spans within a trace."""
