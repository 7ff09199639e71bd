"""What encoders of the SDK's objects have in common: grouping by resource and scope, and keeping bytes that repeat.

Resources, scopes, attribute keys and most attribute values repeat from item to item, so their bytes are kept. Each
cache is bounded, and one whose entries do not repeat costs a miss each time and little memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from spanhouse_exporter import envelope, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_KEPT = 4096
_MOST_VALUES_OF_A_KEY = 64
_LONGEST_KEPT_PAIR = 128
_SMALL = 120
_pack_double = Struct("<d").pack

LENGTHS = [wire.varint(number) for number in range(2048)]
"""Lengths of nearly all items, ready made."""
Item = TypeVar("Item")


class CachingEncoder(ABC, Generic[Item]):
    """Encodes items that have a `resource` and an `instrumentation_scope` of the SDK.

    Concurrency: the caches are plain dictionaries whose entries are made equal by whoever comes first; an encoder
    may be used from several threads.
    """

    def __init__(self, attribute_tags: Iterable[bytes]) -> None:
        self._keys: dict[str, bytes] = {}
        self._doubles: dict[tuple[bytes, str], bytes] = {}
        # tag -> type -> key -> value -> the whole attribute: most attributes of a service take few values.
        self._pairs: dict[bytes, dict[type, dict[str, dict[Any, bytes]]]] = {
            tag: {str: {}, bool: {}, int: {}} for tag in attribute_tags
        }
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

    def _attributes(self, parts: list[bytes], tag: bytes, attributes: Mapping[str, Any]) -> None:
        by_kind = self._pairs[tag]
        for key, value in attributes.items():
            by_key = by_kind.get(type(value))
            if by_key is not None:
                known = by_key.get(key)
                if known is None:
                    known = {}
                    keep(by_key, key, known)
                pair = known.get(value)
                if pair is None:
                    pair = tag + self._pair(key, value)
                    # A key whose values do not repeat (ids, queries) costs a miss each and no memory.
                    if len(known) < _MOST_VALUES_OF_A_KEY and len(pair) < _LONGEST_KEPT_PAIR:
                        known[value] = pair
            elif type(value) is float:
                head = self._doubles.get((tag, key))
                if head is None:
                    head = (tag + self._pair(key, value))[:-8]
                    keep(self._doubles, (tag, key), head)
                pair = head + _pack_double(value)
            else:
                pair = tag + self._pair(key, value)
            parts.append(pair)

    def _pair(self, key: str, value: Any) -> bytes:
        """A KeyValue with its length, ready for any tag."""
        encoded_key = self._keys.get(key)
        if encoded_key is None:
            encoded_key = wire.string(1, key)
            keep(self._keys, key, encoded_key)
        body = wire.any_value(value)
        size = len(body)
        if len(encoded_key) + size < _SMALL:  # both lengths fit one byte each: most attributes there are
            return b"%c%b\x12%c%b" % (len(encoded_key) + size + 2, encoded_key, size, body)
        pair = encoded_key + b"\x12" + wire.varint(size) + body
        return wire.varint(len(pair)) + pair


def keep(cache: dict[Any, Any], key: Any, value: Any) -> None:
    """Puts `value` into a cache of bounded size."""
    # Started anew rather than evicted one by one: a cache that overflows is one whose keys do not repeat.
    if len(cache) >= _MOST_KEPT:
        cache.clear()
    cache[key] = value
