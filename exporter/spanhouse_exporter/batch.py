"""Chunks of encoded items gathered into what becomes one request, and what becomes of one that is too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanhouse_exporter import envelope, request_bytes
from spanhouse_exporter.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanhouse_exporter.pipeline import Pipeline

OVERHEAD_BYTES = 200
"""What a waiting chunk costs beside its bytes: the bytes object, its tuple, its place in the queue."""


class ResourceIntake(Intake):
    """An intake whose items come from a resource of their own rather than from the pipeline's."""

    __slots__ = ("resource",)

    def __init__(self, pipeline: Pipeline, scope: bytes, resource: bytes) -> None:
        super().__init__(pipeline, scope)
        self.resource: bytes = resource
        """Encoded resource, from `envelope.resource_fields`."""


class Chunk(NamedTuple):
    """Encoded items of one scope."""

    intake: Intake
    items: bytes
    item_count: int

    @property
    def size(self) -> int:
        """Bytes that it takes up while it waits."""
        return len(self.items) + OVERHEAD_BYTES


class Batch:
    """The chunks of one request."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.item_count: int = sum(chunk.item_count for chunk in chunks)
        self._request = b""

    def request(self, own_resource: Callable[[], bytes]) -> bytes:
        """The bytes to send, encoded once."""
        if not self._request:
            grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
            for intake, items, _count in self.chunks:
                resource = intake.resource if isinstance(intake, ResourceIntake) else own_resource()
                grouped.setdefault(resource, {}).setdefault(intake.scope, []).append(items)
            parts = [envelope.request(resource, list(scopes.items())) for resource, scopes in grouped.items()]
            self._request = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._request

    def halves(self) -> list[Batch]:
        """Two smaller ones; none when there is but one item."""
        if self.item_count == 1:
            return []
        chunks = self.chunks
        if len(chunks) == 1:
            chunks = split(chunks[0], (self.item_count + 1) // 2)
        middle = len(chunks) // 2
        return [Batch(chunks[:middle]), Batch(chunks[middle:])]


def split(chunk: Chunk, most_items: int) -> list[Chunk]:
    """The same items in chunks of at most so many."""
    return [Chunk(chunk.intake, *piece) for piece in request_bytes.split_items(chunk.items, most_items)]
