"""What is drawn with characters: sparklines, bars and shades, in Unicode, or in ASCII where there is no more.

Everything takes numbers and gives text, without colour.
"""

import math
from collections.abc import Sequence

_SPARKS = "▁▂▃▄▅▆▇█"
_ASCII_SPARKS = "_.-=+*#@"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# From nothing to most: how dark a character is.
_ASCII_SHADES = " .:-=+*#%@"
# The colours of a heatmap from few to many, of the 256 that terminals have: dark violet over red to yellow.
_COLOURS = (53, 54, 90, 126, 162, 161, 197, 203, 209, 215, 221, 227)


def sparkline(values: Sequence[float | None], *, in_ascii: bool = False) -> str:
    """A character for each value, higher for more; zero is the lowest, and a space stands for None."""
    sparks = _ASCII_SPARKS if in_ascii else _SPARKS
    most = max((value for value in values if value is not None), default=0)
    return "".join(
        " " if value is None else sparks[math.ceil(value / most * (len(sparks) - 1)) if most else 0] for value in values
    )


def bar(share: float, width: int, *, in_ascii: bool = False) -> str:
    """A bar as long as `share`, from 0 to 1, of `width` characters; what is more than nothing shows."""
    if in_ascii:
        return "#" * (math.ceil(share * width))
    eighths = math.ceil(share * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def span_bar(begin: float, end: float, width: int, *, in_ascii: bool = False) -> str:
    """The stretch from `begin` to `end`, shares of `width` from 0 to 1, at its place; the shortest still shows."""
    first = min(int(begin * width), width - 1)
    last = max(first + 1, min(width, math.ceil(end * width)))
    return " " * first + ("=" if in_ascii else "█") * (last - first)


def level(value: float, least: float, most: float, levels: int) -> int:
    """Which of so many levels a positive value is on, from 0 to levels - 1, on a logarithmic scale."""
    if most <= least:
        return levels - 1
    return min(levels - 1, int(math.log(value / least) / math.log(most / least) * levels))


def shade(value: float, least: float, most: float) -> str:
    """A character that is darker for more."""
    dark = _ASCII_SHADES[1:]
    return dark[level(value, least, most, len(dark))] if value else _ASCII_SHADES[0]


def colour(value: float, least: float, most: float) -> str:
    """The rich style of a cell of a heatmap."""
    return f"on color({_COLOURS[level(value, least, most, len(_COLOURS))]})" if value else ""


def combined(values: Sequence[float | None], columns: int) -> list[float | None]:
    """As many values as there are columns, or fewer: each the highest of its neighbours."""
    together = max(1, math.ceil(len(values) / columns))
    return [
        max((value for value in values[start : start + together] if value is not None), default=None)
        for start in range(0, len(values), together)
    ]
