"""The decorator: `@spanhouse.capture`, bare or with options, on functions of every kind and on classes.

Everything that can be known before a call is worked out here, once, and everything that can be wrong is
reported here: a captured function raises what it raised before, and nothing else.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from opentelemetry.trace import SpanKind

from spanhouse import settings
from spanhouse.arguments import describer
from spanhouse.call_site import CallSite
from spanhouse.errors import CaptureError
from spanhouse.main_module import real_name
from spanhouse.statistics import CALL_SITE_ATTRIBUTE
from spanhouse.wrappers import Plan, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

F = TypeVar("F")
"""What is captured keeps its own type: signature, overloads and descriptors stay visible to type checkers."""


class _Options(NamedTuple):
    name: str | None
    attributes: Mapping[str, Any]
    args: tuple[str, ...]
    result: bool
    kind: SpanKind


@overload
def capture(function: F, /) -> F: ...


@overload
def capture(
    *,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    args: Sequence[str] = (),
    result: bool = False,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Callable[[F], F]: ...


def capture(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    args: Sequence[str] = (),
    result: bool = False,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Any:
    """Times every call of a function as an OpenTelemetry span, and counts it in `stats`.

    Works on functions, methods, static and class methods, coroutine functions, generators and async generators
    (timed from the first step to exhaustion, close or error), and on classes, whose public methods it captures.
    `name` replaces the qualified name. `attributes` are set on every span; a callable among them is called with
    the bound arguments (a mapping) at each call. `args` names arguments to keep as `spanhouse.arg.<name>`, `result`
    keeps the result as `spanhouse.result`. Raises CaptureError, a TypeError, when any of this makes no sense; a
    captured call itself raises only what the function raises.
    """
    options = _checked(name, attributes, args, result, kind)
    if function is not None:
        return _capture(function, options)
    return functools.partial(_capture, options=options)


def _checked(name: Any, attributes: Any, args: Any, result: Any, kind: Any) -> _Options:
    if name is not None and (not isinstance(name, str) or not name):
        raise CaptureError(f"capture(name=...) takes a string that is not empty, not {name!r}")
    if attributes is not None and not (
        hasattr(attributes, "items") and all(isinstance(key, str) and key for key in attributes)
    ):
        raise CaptureError(f"capture(attributes=...) takes a mapping with string keys, not {attributes!r}")
    if isinstance(args, str) or not all(isinstance(item, str) for item in args):
        raise CaptureError(f"capture(args=...) takes a sequence of argument names, not {args!r}")
    if not isinstance(result, bool):
        raise CaptureError(f"capture(result=...) takes True or False, not {result!r}")
    if not isinstance(kind, SpanKind):
        raise CaptureError(f"capture(kind=...) takes a SpanKind, not {kind!r}")
    return _Options(name, dict(attributes or {}), tuple(args), result, kind)


def _capture(target: Any, options: _Options) -> Any:
    if isinstance(target, staticmethod | classmethod):
        return type(target)(_capture(target.__func__, options))
    if not callable(target):
        raise CaptureError(f"capture needs something to call, not {target!r}")
    if inspect.isclass(target):
        if options.name is not None or options.args:
            raise CaptureError(f"capture on the class {target.__qualname__} takes neither name nor args")
        return _capture_class(target, options)
    computing, constant = describer(target, options.args, options.attributes)
    if not settings.from_environment(os.environ).enabled or hasattr(target, CALL_SITE_ATTRIBUTE):
        return target
    site = CallSite(options.name or qualified_name(target), options.kind, {**code_attributes(target), **constant})
    return wrap(target, Plan(site, computing, options.result))


def _capture_class(target: type, options: _Options) -> type:
    for name, member in list(vars(target).items()):
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, staticmethod | classmethod)):
            setattr(target, name, _capture(member, options))
    return target


def qualified_name(target: Any) -> str:
    """`module.qualname`, scripts under their own names; for an object that is called, that of its type."""
    while isinstance(target, functools.partial):
        target = target.func
    named = target if hasattr(target, "__qualname__") else type(target)
    module = getattr(named, "__module__", None)
    return f"{real_name(module)}.{named.__qualname__}" if module else named.__qualname__


def code_attributes(target: Any) -> dict[str, Any]:
    """Where the code is (semantic conventions, "Source code attributes")."""
    found: dict[str, Any] = {"code.function.name": qualified_name(target)}
    while isinstance(target, functools.partial):
        target = target.func
    code = getattr(inspect.unwrap(target), "__code__", None)
    if code is not None:
        found["code.file.path"] = code.co_filename
        found["code.line.number"] = code.co_firstlineno
    return found
