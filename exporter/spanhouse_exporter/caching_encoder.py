"""What encoders of the SDK's objects have in common: grouping by resource and scope, and keeping bytes that repeat.

Resources and scopes repeat from item to item, as attributes do, so their bytes are kept; each cache is bounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from spanhouse_exporter import envelope
from spanhouse_exporter.attribute_cache import AttributeCache, keep

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


class CachingEncoder(ABC, Generic[Item]):
    """Encodes items that have a `resource` and an `instrumentation_scope` of the SDK.

    Concurrency: the caches are plain dictionaries whose entries are made equal by whoever comes first; an encoder
    may be used from several threads.
    """

    def __init__(self, attribute_tags: Iterable[bytes]) -> None:
        self._attributes = AttributeCache(attribute_tags)
        # By identity, with the object kept alive: hashing a Resource serialises it to JSON.
        self._resources: dict[int, tuple[Any, bytes]] = {}
        self._scopes: dict[int, tuple[Any, bytes]] = {}

    @abstractmethod
    def encode(self, item: Item) -> bytes:
        """One item, as a field of the message of its scope: tag included."""

    def request(self, items: Iterable[Item]) -> bytes:
        """One export request, with one Resource* message for each resource and one Scope* message for each scope."""
        grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
        last: tuple[Any, Any] = (self, self)  # stands for no item at all
        encoded: list[bytes] = []
        each: Any
        for each in items:
            origin = (each.resource, each.instrumentation_scope)
            if origin[0] is not last[0] or origin[1] is not last[1]:
                last = origin
                scopes = grouped.setdefault(self.resource(origin[0]), {})
                encoded = scopes.setdefault(self.scope(origin[1]), [])
            encoded.append(self.encode(each))
        return b"".join([envelope.request(resource, list(scopes.items())) for resource, scopes in grouped.items()])

    def resource(self, resource: Any) -> bytes:
        """`envelope.resource_fields` of an SDK Resource."""
        found = self._resources.get(id(resource))
        if found is None:
            found = (resource, envelope.resource_fields(dict(resource.attributes), resource.schema_url or ""))
            keep(self._resources, id(resource), found)
        return found[1]

    def scope(self, scope: Any) -> bytes:
        """`envelope.scope_fields` of an SDK InstrumentationScope; None is the empty scope."""
        found = self._scopes.get(id(scope))
        if found is None:
            encoded = envelope.scope_fields("")
            if scope is not None:
                attributes = dict(scope.attributes or {})
                encoded = envelope.scope_fields(scope.name, scope.version or "", attributes, scope.schema_url or "")
            found = (scope, encoded)
            keep(self._scopes, id(scope), found)
        return found[1]
