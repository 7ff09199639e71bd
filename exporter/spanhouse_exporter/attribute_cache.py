"""Attributes as OTLP bytes, kept where they repeat: most keys, and most values of a service's attributes, do.

Every cache is bounded, and one whose entries do not repeat costs a miss each time and little memory.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from spanhouse_exporter import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_KEPT = 4096
_MOST_VALUES_OF_A_KEY = 64
_LONGEST_KEPT_PAIR = 128
_SMALL = 120
_pack_double = Struct("<d").pack


class AttributeCache:
    """Encodes attributes as fields of some tags.

    Concurrency: the caches are plain dictionaries whose entries are made equal by whoever comes first; one cache may be
    used from several threads.
    """

    def __init__(self, tags: Iterable[bytes]) -> None:
        self._keys: dict[str, bytes] = {}
        self._doubles: dict[tuple[bytes, str], bytes] = {}
        # tag -> type -> key -> value -> the whole attribute: most attributes of a service take few values.
        self._pairs: dict[bytes, dict[type, dict[str, dict[Any, bytes]]]] = {
            tag: {str: {}, bool: {}, int: {}} for tag in tags
        }

    def append(self, parts: list[bytes], tag: bytes, attributes: Mapping[str, Any]) -> None:
        """Appends each attribute to `parts`, as a field with that tag."""
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
