"""Percentiles of groups of calls: what the questions `percentiles`, `series` and `trends` share."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.sources import Chosen
from spanhouse_backend.query.statements import Fragment, statement

MAX_LEVELS = 20
LEVELS = Parameter(
    "levels",
    'Which percentiles: numbers between 0 and 1, or their names, separated by commas: "0.5,0.99" or "p50,p99.9".',
    "p50,p90,p95,p99,p99.9",
)
_LEVEL = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,4})?|100)|(0?\.[0-9]{1,6}|0|1|1\.0)")


def parse_level(text: str) -> float | None:
    """The level that p99 or 0.99 means; None for what means none."""
    match = _LEVEL.fullmatch(text.strip())
    if not match:
        return None
    return float(Decimal(match[1]) / 100 if match[1] else Decimal(match[2]))


def level_name(level: float) -> str:
    """p50, p99.9, ..: what the percentile at a level between 0 and 1 is called."""
    return f"p{(Decimal(str(level)) * 100).normalize():f}"


async def grouped(engine: Engine, chosen: Chosen, levels: tuple[float, ...], limit: int) -> list[dict[str, Any]]:
    """For each of the groups of `chosen`: `keys`, `calls`, `errors`, `total_ns`, `mean_ns` and `percentiles_ns`."""
    groups = groups_of(chosen, chosen.keys, levels)
    asked = statement("percentiles.sql", {"limit": limit}, groups=groups, keys=chosen.keys, value=chosen.value)
    return [_named(values, levels) for values in await engine.rows(asked)]


def groups_of(chosen: Chosen, keys: Fragment, levels: tuple[float, ...]) -> Fragment:
    """A subquery of (*keys, Total, Errors, Duration, Levels, Extremes), a row for each group by `keys`, its columns."""
    parts = {"calls": chosen.calls, "keys": keys, "levels": chosen.percentiles(levels)}
    if chosen.extremes is None:
        return statement("percentiles_of_spans.sql", **parts)
    return statement("percentiles_of_rollups.sql", extremes=chosen.extremes, **parts)


def _named(values: Mapping[str, Any], levels: tuple[float, ...]) -> dict[str, Any]:
    percentiles = dict(zip(map(level_name, levels), values["percentiles"], strict=True))
    if values["extremes"]:
        # These two need no bucket to be read off.
        known = dict(zip(("p0", "p100"), values["extremes"], strict=True))
        percentiles |= {name: known[name] for name in percentiles if name in known}
    kept = {name: values[name] for name in ("keys", "calls", "errors", "total_ns", "mean_ns")}
    return kept | {"percentiles_ns": percentiles}


def _levels(given: Given) -> tuple[float, ...]:
    levels = []
    for part in given[LEVELS].split(",")[: MAX_LEVELS + 1]:
        level = parse_level(part)
        if level is None:
            raise InvalidQuestion("levels", f"{part[:100]!r} is not a percentile: write 0.99 or p99")
        levels.append(level)
    if len(levels) > MAX_LEVELS:
        raise InvalidQuestion("levels", f"more than {MAX_LEVELS} percentiles are too many")
    return tuple(dict.fromkeys(levels))


Levelled = Annotated[tuple[float, ...], Reads(_levels, LEVELS)]
