"""Attribute values as OTLP can carry them, under the limits of the specification.

OpenTelemetry specification, "Common specification concepts": "Attribute" and "Attribute Limits".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_DEPTH = 64
"""Arrays and maps nested deeper than this become empty values."""


@dataclass(frozen=True)
class Limits:
    """How much one span may carry; None is unlimited. Names follow the SDK's `SpanLimits`."""

    max_span_attributes: int | None = 128
    max_event_attributes: int | None = 128
    max_link_attributes: int | None = 128
    max_events: int | None = 128
    max_links: int | None = 128
    max_span_attribute_length: int | None = None
    max_attribute_length: int | None = None


def clean(value: object, max_length: int | None, depth: int = MAX_DEPTH) -> object:  # noqa: PLR0911 - one per type
    """A value that OTLP can carry and nobody can change: strings and bytes cut, other types as their text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | bytes):
        return value if max_length is None or len(value) <= max_length else value[:max_length]
    if isinstance(value, bytearray | memoryview):
        return clean(bytes(value), max_length)
    if isinstance(value, Mapping):
        if not depth:
            return None
        return {str(key): clean(item, max_length, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence):
        return tuple(clean(item, max_length, depth - 1) for item in value) if depth else None
    return clean(str(value), max_length)


def add(
    into: dict[str, object],
    key: object,
    value: object,
    max_count: int | None,
    max_length: int | None,
) -> bool:
    """Sets one attribute; False when it had to be dropped: no room, no key, or a value that has no text."""
    if not isinstance(key, str) or not key:
        return False
    if max_count is not None and len(into) >= max_count and key not in into:
        return False
    try:
        into[key] = clean(value, max_length)
    except Exception:  # noqa: BLE001 - a value whose __str__ raises must not hurt the program that set it
        return False
    return True


def collect(
    attributes: Mapping[str, object] | None, max_count: int | None, max_length: int | None
) -> tuple[dict[str, object], int]:
    """Cleaned attributes, and how many were dropped."""
    cleaned: dict[str, object] = {}
    dropped = 0
    for key, value in (attributes or {}).items():
        dropped += not add(cleaned, key, value, max_count, max_length)
    return cleaned, dropped
