"""Attributes computed from a call's arguments and result, for the captures that ask for them."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from spanhouse.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import Span

_logger = logging.getLogger(__name__)

ARGUMENT_PREFIX = "spanhouse.arg."
"""Attribute of an argument named in `args=`."""
RESULT = "spanhouse.result"
"""Attribute of the result with `result=True`."""


class Describer:
    """Sets what a capture computes on a call's span; nothing that goes wrong here reaches the call."""

    __slots__ = ("_computed", "_names", "_signature", "_warned")

    def __init__(
        self, signature: inspect.Signature, names: Sequence[str], computed: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._signature = signature
        self._names = names
        self._computed = computed
        self._warned = False

    def describe(self, span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Sets the attributes of one call."""
        if not span.is_recording():
            return
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return  # the call itself is about to raise this
        bound.apply_defaults()
        given = bound.arguments
        for name in self._names:
            span.set_attribute(ARGUMENT_PREFIX + name, given.get(name))
        for key, compute in self._computed.items():
            try:
                span.set_attribute(key, compute(given))
            except Exception:
                if not self._warned:
                    self._warned = True
                    _logger.exception("spanhouse: the attribute %s could not be computed", key)


def describer(
    function: Callable[..., Any], names: Sequence[str], attributes: Mapping[str, Any]
) -> tuple[Describer | None, dict[str, Any]]:
    """(what computes attributes at each call or None, the attributes that never change).

    Raises CaptureError for an argument that the function does not have.
    """
    constant = {key: item for key, item in attributes.items() if not callable(item)}
    computed = {key: item for key, item in attributes.items() if callable(item)}
    if not names and not computed:
        return None, constant
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise CaptureError(f"the arguments of {function!r} cannot be found out") from error
    for name in names:
        if name not in signature.parameters:
            raise CaptureError(f"capture(args=...) names {name!r}, which {function!r} does not take")
    return Describer(signature, names, computed), constant
