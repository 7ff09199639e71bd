"""Trace and span ids in wire form, taken from batches of kernel randomness.

The batch lies in memory that the kernel wipes in a forked child where it can (Linux, MADV_WIPEONFORK), so
even a process that forks without running Python's hooks never repeats its parent's ids: it finds zeros, which
is also how it learns that it was forked. Elsewhere the fork hook does the same.
"""

import itertools
import mmap
import os
import sys
from struct import Struct
from typing import TYPE_CHECKING, Any

from spanhouse import forks

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH_BYTES = 4 * mmap.PAGESIZE
_BATCHES = 16
_WIPE_ON_FORK = 18
"""MADV_WIPEONFORK of Linux 4.14, madvise(2); the mmap module does not name it."""
NO_SPAN_ID = bytes(8)
EXHAUSTED = (NO_SPAN_ID,)
_FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


def _wiped_on_fork() -> mmap.mmap | None:
    """Memory for some batches that a forked child finds zeroed; None where there is no such thing."""
    if sys.platform != "linux":
        return None
    size = _BATCHES * _BATCH_BYTES + mmap.PAGESIZE  # the last byte says whether the memory was wiped
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(_WIPE_ON_FORK)
    except OSError:  # an older or emulated kernel
        return None
    memory[-1] = 1
    return memory


class IdBatch:
    """Hands out tuples of ids laid out as `layout` says, the span id last.

    Concurrency: taking the next tuple is one call into C, atomic under the interpreter lock; a batch is never
    refilled in place but replaced, so two threads that find it empty waste ids and repeat none. Without that
    lock (free-threaded builds) every id is drawn from the kernel by itself.
    """

    __slots__ = ("_layout", "_memory", "_places", "batch")

    def __init__(self, layout: str) -> None:
        self._layout = Struct(layout)
        self._memory = _wiped_on_fork()
        self._places = itertools.count()
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
        if self._memory is not None:
            self._memory[-1] = 1  # noticed: not to be noticed again, when there may be spans of the child's own

    def _refill(self) -> tuple[Any, ...]:
        ids: tuple[Any, ...]
        if _FREE_THREADED:
            ids = self._layout.unpack(os.urandom(self._layout.size))
            return ids
        if self._memory is not None and not self._memory[-1]:
            forks.noticed_late()  # forked between two batches, when there were no ids at hand to be wiped
        fresh = os.urandom(_BATCH_BYTES - _BATCH_BYTES % self._layout.size)
        batch = self._layout.iter_unpack(fresh if self._memory is None else self._placed(fresh))
        ids = next(batch)
        self.batch = batch
        return ids

    def _placed(self, fresh: bytes) -> memoryview:
        # Mapping new memory for each batch would cost as much as filling it. A place comes round again after all the
        # others, thousands of ids later, when no thread can still be about to take from what it held before.
        start = next(self._places) % _BATCHES * _BATCH_BYTES
        place = memoryview(self._memory)[start : start + len(fresh)]  # type: ignore[arg-type]  # checked by the caller
        place[:] = fresh
        return place


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
