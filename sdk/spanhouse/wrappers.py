"""What replaces a captured function: one wrapper for each kind of function that Python has.

Each begins a call, runs the function, and ends the call; functions called while it runs find its span as the
current one. A generator's span is current only while the generator's own code runs: between two steps the
consumer's context is what it was, whatever the generator has entered meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from spanhouse.arguments import RESULT
from spanhouse.statistics import CALL_SITE_ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from spanhouse.arguments import Describer
    from spanhouse.call_site import CallSite

Function = Any
"""Any callable; the decorator's own types say which goes in and out."""

_OWN_FRAMES = 1
"""Frames of this module at the outer end of a captured function's traceback."""


class Plan(NamedTuple):
    """How to time one function."""

    site: CallSite
    describer: Describer | None = None
    """Computes attributes from arguments."""
    keep_result: bool = False


def wrap(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    """The wrapper of the right kind, marked so that it can be recognised."""
    called = function if not isinstance(function, functools.partial) else function.func
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(called):
        wrapper = _coroutine(function, plan)
    elif inspect.isasyncgenfunction(called):
        wrapper = _async_generator(function, plan)
    elif inspect.isgeneratorfunction(called):
        wrapper = _generator(function, plan)
    else:
        wrapper = _plain(function, plan)
    setattr(wrapper, CALL_SITE_ATTRIBUTE, plan.site)
    # inspect.signature() follows __wrapped__, but getfullargspec(), which Celery and others use, does not.
    with contextlib.suppress(TypeError, ValueError):
        wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return wrapper


def _seen_as(flag: int, function: Any) -> Function:
    """`function` as one that `inspect` takes for a generator function, of the kind of `flag`.

    A captured generator function calls the original at once, so that wrong arguments raise where the call is, and
    hands out a generator. Frameworks must still see a generator function, and they look at this flag of its code.
    CPython itself does not: what makes a generator is an instruction at the beginning of its code.
    """
    code = function.__code__
    return types.FunctionType(
        code.replace(co_flags=code.co_flags | flag), function.__globals__, closure=function.__closure__
    )


def _named_after(function: Function) -> Callable[[Function], Function]:
    """Gives a generator function the name of `function`, which its generators then show."""

    def rename(timed: Function) -> Function:
        timed.__name__ = getattr(function, "__name__", timed.__name__)
        timed.__qualname__ = getattr(function, "__qualname__", timed.__qualname__)
        return timed

    return rename


def _plain(function: Function, plan: Plan) -> Function:
    site, describer, keep_result = plan.site, plan.describer, plan.keep_result

    @functools.wraps(function)
    def captured(*args: Any, **kwargs: Any) -> Any:
        call = site.begin()
        if describer is not None:
            describer.describe(call.span, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.fail(error, _OWN_FRAMES)
            raise
        if keep_result:
            call.span.set_attribute(RESULT, result)
        call.leave()
        return result

    return captured


def _coroutine(function: Function, plan: Plan) -> Function:
    site, describer, keep_result = plan.site, plan.describer, plan.keep_result

    @functools.wraps(function)
    async def captured(*args: Any, **kwargs: Any) -> Any:
        call = site.begin()
        if describer is not None:
            describer.describe(call.span, args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.fail(error, _OWN_FRAMES)
            raise
        if keep_result:
            call.span.set_attribute(RESULT, result)
        call.leave()
        return result

    return captured


def _generator(function: Function, plan: Plan) -> Function:  # noqa: C901 - one state machine
    site, describer = plan.site, plan.describer

    @_named_after(function)
    def timed(generator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
        call = site.begin()
        if describer is not None:
            describer.describe(call.span, args, kwargs)
        step, value = generator.send, None
        while True:
            try:
                item = step(value)
            except StopIteration as stop:
                call.leave()
                return stop.value
            except BaseException as error:
                call.fail(error, _OWN_FRAMES)
                raise
            inside = call.suspend()
            try:
                value = yield item
            except GeneratorExit as closing:
                call.resume(inside)
                try:
                    generator.close()
                except BaseException as error:
                    call.fail(error, _OWN_FRAMES)
                    raise
                call.fail(closing)
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in is thrown on
                step, value = generator.throw, error
            else:
                step = generator.send
            call.resume(inside)

    def captured(*args: Any, **kwargs: Any) -> Any:
        return timed(function(*args, **kwargs), args, kwargs)

    return functools.wraps(function)(_seen_as(inspect.CO_GENERATOR, captured))


def _async_generator(function: Function, plan: Plan) -> Function:  # noqa: C901 - one state machine
    site, describer = plan.site, plan.describer

    @_named_after(function)
    async def timed(generator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncGenerator[Any, Any]:
        call = site.begin()
        if describer is not None:
            describer.describe(call.span, args, kwargs)
        step, value = generator.asend, None
        while True:
            try:
                item = await step(value)
            except StopAsyncIteration:
                call.leave()
                return
            except BaseException as error:
                call.fail(error, _OWN_FRAMES)
                raise
            inside = call.suspend()
            try:
                value = yield item
            except GeneratorExit as closing:
                call.resume(inside)
                try:
                    await generator.aclose()
                except BaseException as error:
                    call.fail(error, _OWN_FRAMES)
                    raise
                call.fail(closing)
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in is thrown on
                step, value = generator.athrow, error
            else:
                step = generator.asend
            call.resume(inside)

    def captured(*args: Any, **kwargs: Any) -> Any:
        return timed(function(*args, **kwargs), args, kwargs)

    return functools.wraps(function)(_seen_as(inspect.CO_ASYNC_GENERATOR, captured))
