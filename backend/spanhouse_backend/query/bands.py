"""Bands of durations on a logarithmic scale: what the questions `heatmap` and `histogram` share.

A band is a bucket of an OpenTelemetry exponential histogram of a smaller scale than the rollups' 6: at scale s its
upper bound is 2^(1/2^s) times its lower one. So bands are exact counts, whichever source they come from.
"""

from typing import Annotated

from spanhouse_backend.query.parameters import whole_number
from spanhouse_backend.query.question import Given, Parameter, Reads

FINEST_SCALE = 6
_SCALE = Parameter(
    "scale",
    "How fine bands are: 2 to the power of this many for each doubling of the duration; 0 to 6.",
    "1",
    {"type": "integer", "minimum": 0, "maximum": FINEST_SCALE},
)
# The rollups' bucket of durations of zero.
_ZERO_BUCKET = -32768


def bounds_ns(band: int, scale: int) -> tuple[int, int]:
    """The band holds the durations that are longer than the first and no longer than the second, in nanoseconds."""
    if band == _ZERO_BUCKET >> (FINEST_SCALE - scale):
        return (0, 0)
    # Durations are whole: longer than 2.8 is longer than 2, no longer than 2.8 no longer than 2.
    return (int(2 ** (band / 2**scale)), int(2 ** ((band + 1) / 2**scale)))


def shift(scale: int) -> int:
    """By how much the rollups' bucket indexes are to be shifted."""
    return FINEST_SCALE - scale


def _scale(given: Given) -> int:
    return whole_number(_SCALE.name, given[_SCALE], 0, FINEST_SCALE)


Scaled = Annotated[int, Reads(_scale, _SCALE)]
