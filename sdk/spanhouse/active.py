"""The current span, reached without the OpenTelemetry API's layers where that is safe.

The API keeps one immutable `Context` in one ContextVar. Going straight to that variable saves a microsecond a
call; it is done only when the runtime context is the API's own, otherwise the public functions are used.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import propagation

SPAN_KEY: str = getattr(propagation, "_SPAN_KEY", "")
"""The key of the current span in a Context."""


def _find_key() -> str:
    """The key as the public API reveals it, for a version that no longer has the private name."""
    from opentelemetry.trace import INVALID_SPAN, set_span_in_context  # noqa: PLC0415 - rarely needed

    return next(iter(set_span_in_context(INVALID_SPAN, Context())))


if not SPAN_KEY:
    SPAN_KEY = _find_key()


def _variable() -> ContextVar[Context] | None:
    runtime = getattr(otel_context, "_RUNTIME_CONTEXT", None)
    if type(runtime) is not ContextVarsRuntimeContext:
        return None
    variable = getattr(runtime, "_current_context", None)
    return variable if isinstance(variable, ContextVar) else None


def _public_reset(token: Token[Context]) -> None:
    otel_context._RUNTIME_CONTEXT.detach(token)  # noqa: SLF001 - the public one logs what we mean to ignore


_found = _variable()
current: Callable[[], Context] = _found.get if _found is not None else otel_context.get_current
"""The current Context."""
attach: Callable[[Context], Token[Context]] = _found.set if _found is not None else otel_context.attach
"""Makes a Context current; returns what `reset` takes."""
reset: Callable[[Token[Context]], None] = _found.reset if _found is not None else _public_reset
"""Undoes `attach`; raises ValueError in another thread's or task's context."""

_set = dict.__setitem__


def with_span(context: Context, span: object) -> Context:
    """A copy of `context` in which `span` is the current one; baggage and everything else is kept."""
    # Context forbids changing its items to its users; filling it once saves the copy of the copy that
    # `set_value` makes. In most programs the span is all there is, and nothing needs copying at all.
    size = len(context)
    fresh = Context() if not size or (size == 1 and SPAN_KEY in context) else Context(context)
    _set(fresh, SPAN_KEY, span)
    return fresh


def detach(token: Token[Any]) -> None:
    """`reset`, quietly: a generator or coroutine may be closed in another context than it ran in."""
    try:
        reset(token)
    except (ValueError, RuntimeError):
        return
