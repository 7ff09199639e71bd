"""Span limits from the environment or from the SDK's `SpanLimits`.

OpenTelemetry specification, "Environment Variable Specification", "Attribute Limits" and "Span Limits": the
specific variable wins over the general one, an empty value is an unset one, and one that makes no sense costs
a warning and the default.
"""

import logging
from collections.abc import Mapping
from typing import Any

from spanhouse.attributes import Limits
from spanhouse_exporter.notices import Notices

_logger = logging.getLogger(__name__)

_notices = Notices(_logger)

_DEFAULT_COUNT = 128


def report(span_name: str) -> None:
    """Says that a span lost something to its limits: at most once a span ("Span Limits"), and once a minute."""
    _notices.warning("limits", "span %s: what exceeds the span limits (OTEL_*_LIMIT) was discarded", span_name)


def from_environment(environ: Mapping[str, str]) -> Limits:
    """Limits from the `OTEL_*_LIMIT` variables."""

    def number(name: str) -> int | None:
        text = environ.get(name, "").strip()
        if not text:
            return None
        if text.isdecimal():
            return int(text)
        _logger.warning("%s=%r is not a number of at least 0: using the default", name, text)
        return None

    def first(*names: str, default: int | None) -> int | None:
        return next((found for name in names if (found := number(name)) is not None), default)

    count, length = "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    return Limits(
        max_span_attributes=first("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count, default=_DEFAULT_COUNT),
        max_event_attributes=first("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", count, default=_DEFAULT_COUNT),
        max_link_attributes=first("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", count, default=_DEFAULT_COUNT),
        max_events=first("OTEL_SPAN_EVENT_COUNT_LIMIT", default=_DEFAULT_COUNT),
        max_links=first("OTEL_SPAN_LINK_COUNT_LIMIT", default=_DEFAULT_COUNT),
        max_span_attribute_length=first("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length, default=None),
        max_attribute_length=first(length, default=None),
    )


def from_sdk(given: Any) -> Limits:
    """Limits from an `opentelemetry.sdk.trace.SpanLimits`; one of ours is returned as it is."""
    if isinstance(given, Limits):
        return given
    return Limits(
        max_span_attributes=given.max_span_attributes,
        max_event_attributes=given.max_event_attributes,
        max_link_attributes=given.max_link_attributes,
        max_events=given.max_events,
        max_links=given.max_links,
        max_span_attribute_length=given.max_span_attribute_length,
        max_attribute_length=given.max_attribute_length,
    )
