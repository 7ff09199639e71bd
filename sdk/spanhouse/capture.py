"""The decorator: `@spanhouse.capture`, bare or with options.

Everything that can be known before a call is worked out here, once, and everything that can be wrong is
reported here: a captured function raises what it raised before, and nothing else.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from opentelemetry.trace import SpanKind

from spanhouse import settings
from spanhouse.call_site import CallSite
from spanhouse.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")


@overload
def capture(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def capture(
    *,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def capture(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Any:
    """Times every call of a function, coroutine functions included, as an OpenTelemetry span.

    `name` replaces the qualified name, `attributes` are set on every span. Raises CaptureError at decoration
    when something is wrong with the arguments; a captured call itself raises only what the function raises.
    """
    if name is not None and not isinstance(name, str):
        raise CaptureError(f"capture(name=...) takes a string, not {type(name).__name__}")
    if not isinstance(kind, SpanKind):
        raise CaptureError(f"capture(kind=...) takes a SpanKind, not {type(kind).__name__}")

    def decorate(target: Callable[P, R]) -> Callable[P, R]:
        if not callable(target):
            raise CaptureError(f"capture needs something to call, not {type(target).__name__}")
        if not settings.from_environment(os.environ).enabled:
            return target
        return _wrap(target, CallSite(name or _qualified_name(target), kind, _constants(target, attributes)))

    return decorate if function is None else decorate(function)


def _qualified_name(target: Callable[..., Any]) -> str:
    named = target if hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}.{named.__qualname__}"


def _constants(target: Callable[..., Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Where the code is (semantic conventions, "Source code attributes"), then what the user says."""
    constants: dict[str, Any] = {"code.function.name": _qualified_name(target)}
    code = getattr(inspect.unwrap(target), "__code__", None)
    if code is not None:
        constants["code.file.path"] = code.co_filename
        constants["code.line.number"] = code.co_firstlineno
    return {**constants, **(given or {})}


def _wrap(function: Callable[P, R], site: CallSite) -> Callable[P, R]:
    if inspect.iscoroutinefunction(function):
        return _wrap_coroutine(function, site)
    begin = site.begin

    @functools.wraps(function)
    def captured(*args: P.args, **kwargs: P.kwargs) -> R:
        call = begin()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        call.leave()
        return result

    return captured


def _wrap_coroutine(function: Callable[P, Any], site: CallSite) -> Callable[P, Any]:
    begin = site.begin

    @functools.wraps(function)
    async def captured(*args: P.args, **kwargs: P.kwargs) -> Any:
        call = begin()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        call.leave()
        return result

    return captured
