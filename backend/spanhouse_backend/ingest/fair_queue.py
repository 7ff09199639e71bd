"""Who goes next: senders take turns by bytes, so a flood delays itself and nobody else.

Self-clocked fair queueing (Golestani, INFOCOM 1994): an item's tag is where its sender's last one ended, or where the
queue is now, plus its size, and the smallest tag goes first. Whoever sends little is behind at most one item of each
other sender; one sender's items keep their order.
"""

import heapq
import itertools
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class _Entry(NamedTuple, Generic[Item]):
    tag: int
    order: int  # unique, so that senders and items are never compared
    sender: str
    item: Item


class FairQueue(Generic[Item]):
    """Items in fair order. False when there is none; remembers no sender who has nothing in it."""

    def __init__(self) -> None:
        self._heap: list[_Entry[Item]] = []
        self._ends: dict[str, int] = {}
        self._order = itertools.count()
        self._now = 0

    def put(self, sender: str, size: int, item: Item) -> None:
        """Queues an item of `size` bytes behind the others of its sender."""
        tag = max(self._now, self._ends.get(sender, 0)) + size
        self._ends[sender] = tag
        heapq.heappush(self._heap, _Entry(tag, next(self._order), sender, item))

    @property
    def next(self) -> Item:
        """The item that `take` would return. Raises IndexError when there is none."""
        return self._heap[0].item

    def take(self) -> Item:
        """Removes the next item. Raises IndexError when there is none."""
        tag, _, sender, item = heapq.heappop(self._heap)
        self._now = tag
        if self._ends[sender] == tag:
            # The sender's last: it begins at `now` again, as somebody who was never here.
            del self._ends[sender]
        return item

    def __len__(self) -> int:
        return len(self._heap)
