"""Which spans are recorded: the default needs no sampler object, everything else is the SDK's.

`parentbased_always_on`, the default of the specification, means: as the parent, and yes for a root. That is
one flag test, so `None` stands for it here and the SDK's sampling module is not even imported.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace.sampling import Sampler

_logger = logging.getLogger(__name__)

_DEFAULT = "parentbased_always_on"


def from_environment(environ: Mapping[str, str]) -> Sampler | None:
    """The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name; None for the default."""
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or _DEFAULT
    if name == _DEFAULT:
        return None
    from opentelemetry.sdk.trace import sampling  # noqa: PLC0415 - see the module's docstring

    simple: dict[str, Sampler] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "parentbased_always_off": sampling.DEFAULT_OFF,
    }
    if name in simple:
        return simple[name]
    if name not in ("traceidratio", "parentbased_traceidratio"):
        _logger.warning("OTEL_TRACES_SAMPLER=%r is not known: using %s", name, _DEFAULT)
        return None
    ratio = _ratio(environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip())
    if name == "traceidratio":
        return sampling.TraceIdRatioBased(ratio)
    return sampling.ParentBasedTraceIdRatio(ratio)


def _ratio(text: str) -> float:
    if not text:
        return 1.0
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if 0.0 <= ratio <= 1.0:
        return ratio
    _logger.warning("OTEL_TRACES_SAMPLER_ARG=%r is not a ratio between 0 and 1: using 1", text)
    return 1.0
