"""Limits of spans and of log records, from the environment or from the SDK's `SpanLimits`.

OpenTelemetry specification, "Environment Variable Specification", "Attribute Limits", "Span Limits" and "LogRecord
Limits": the specific variable wins over the general one, an empty value is an unset one, and one that makes no sense
costs a warning and the default.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from spanhouse.attributes import Limits
from spanhouse_exporter.notices import Notices

_logger = logging.getLogger(__name__)

_notices = Notices(_logger)

_DEFAULT_COUNT = 128
_COUNT, _LENGTH = "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"


class RecordLimits(NamedTuple):
    """How much one log record may carry; None is unlimited."""

    max_attributes: int | None = _DEFAULT_COUNT
    max_length: int | None = None
    """Of a value that is text or bytes."""


def report(span_name: str) -> None:
    """Says that a span lost something to its limits: at most once a span ("Span Limits"), and once a minute."""
    _notices.warning("limits", "span %s: what exceeds the span limits (OTEL_*_LIMIT) was discarded", span_name)


def from_environment(environ: Mapping[str, str]) -> Limits:
    """Limits of spans from the `OTEL_*_LIMIT` variables."""
    return Limits(
        max_span_attributes=_first(environ, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", _COUNT, default=_DEFAULT_COUNT),
        max_event_attributes=_first(environ, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", _COUNT, default=_DEFAULT_COUNT),
        max_link_attributes=_first(environ, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", _COUNT, default=_DEFAULT_COUNT),
        max_events=_first(environ, "OTEL_SPAN_EVENT_COUNT_LIMIT", default=_DEFAULT_COUNT),
        max_links=_first(environ, "OTEL_SPAN_LINK_COUNT_LIMIT", default=_DEFAULT_COUNT),
        max_span_attribute_length=_first(environ, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LENGTH, default=None),
        max_attribute_length=_first(environ, _LENGTH, default=None),
    )


def of_records(environ: Mapping[str, str]) -> RecordLimits:
    """Limits of log records from the same."""
    return RecordLimits(
        max_attributes=_first(environ, "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", _COUNT, default=_DEFAULT_COUNT),
        max_length=_first(environ, "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LENGTH, default=None),
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


def _first(environ: Mapping[str, str], *names: str, default: int | None) -> int | None:
    return next((found for name in names if (found := _number(environ, name)) is not None), default)


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    if text.isdecimal():
        return int(text)
    _logger.warning("%s=%r is not a number of at least 0: using the default", name, text)
    return None
