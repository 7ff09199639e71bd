"""Spans that are not calls of one function: a `with` block, and a duration measured elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import INVALID_SPAN, Span

from spanhouse import settings
from spanhouse.call_site import Call, named
from spanhouse.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_enabled = settings.from_environment(os.environ).enabled
"""Read once, like the decorator does when it is applied."""


class span:  # noqa: N801 - read as a word of the language: `with spanhouse.span("parse"):`
    """Times a block: `with spanhouse.span("parse", size=3) as current:`, or `async with`.

    The attributes are set on the span; `current` is an OpenTelemetry span, to which more may be added. Raises
    CaptureError when the name is not a string. Nothing else is raised but what the block raises.
    """

    __slots__ = ("_attributes", "_call", "_name")

    def __init__(self, name: str, /, **attributes: Any) -> None:
        _check_name("span", name)
        self._name = name
        self._attributes = attributes
        self._call: Call | None = None

    def __enter__(self) -> Span:
        if not _enabled:
            return INVALID_SPAN
        self._call = call = named(self._name).begin()
        if self._attributes:
            call.span.set_attributes(self._attributes)
        return call.span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if error is None:
            call.leave()
        else:
            call.fail(error)

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, frames)


def record(name: str, start_ns: int, end_ns: int, attributes: Mapping[str, Any] | None = None) -> None:
    """Records a duration that was measured elsewhere, as a finished span under the current one.

    Times are nanoseconds since the epoch (`time.time_ns()`); an end before the start counts as the start. Raises
    CaptureError when the name is not a string or a time not an integer.
    """
    _check_name("record", name)
    _check_time(start_ns)
    _check_time(end_ns)
    if _enabled:
        named(name).record(start_ns, end_ns, attributes)


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise CaptureError(f"{what} takes a name that is a string and not empty, not {name!r}")


def _check_time(instant: Any) -> None:
    if not isinstance(instant, int):
        raise CaptureError(f"record takes its times as integer nanoseconds since the epoch, not {instant!r}")
