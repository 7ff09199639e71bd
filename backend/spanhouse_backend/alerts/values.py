"""What can stand in a file of rules, as types: lengths of time, shares, times of day, with their JSON Schema.

Lengths are read where questions read theirs, so "1h30m" means the same everywhere; what is refused is refused in words
that say what to write instead.
"""

import re
from collections.abc import Callable
from datetime import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from spanhouse_backend.declared.strict import wrong
from spanhouse_backend.declared.values import length_ns, share
from spanhouse_backend.query.lengths import step_length
from spanhouse_backend.query.steps import DAY_SECONDS, zone_names
from spanhouse_backend.query.times import SECOND_NS

_LENGTH = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+$"
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MINUTE = 60


def _duration_ns(value: object) -> int:
    nanoseconds = length_ns(value)
    if nanoseconds == 0:
        raise wrong("0 is no threshold: every call takes longer")
    return nanoseconds


def _seconds(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        seconds, rest = divmod(length_ns(value), SECOND_NS)
        if rest or not least <= seconds <= most:
            shortest, longest = (step_length(bound * SECOND_NS) for bound in (least, most))
            raise wrong(f"{value!r} is not a length of whole seconds from {shortest} to {longest}")
        return seconds

    return read


def _clock(value: object) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise wrong(f"{value!r} is not a time of day: write it as 08:30, from 00:00 to 23:59")
    return time(int(match[1]), int(match[2]))


def _zone(value: str) -> str:
    if value not in zone_names():
        raise wrong(f"{value[:100]!r} is not a time zone's name, such as Europe/Berlin or UTC")
    return value


def web_address(value: str) -> str:
    """An http or https URL without a user or password in it, which would end up in logs. Raises as validators do."""
    no_address = wrong("is not a URL such as https://hooks.example.org/spanhouse")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        raise no_address from None
    if not usable or not value.isprintable() or " " in value:
        raise no_address
    if parts.username or parts.password:
        raise wrong("has a password in it: put that into a file, and name the file with headers_file or url_file")
    return value


def _length_schema(example: str, says: str) -> Any:
    return WithJsonSchema({"type": "string", "pattern": _LENGTH, "examples": [example], "description": says})


Duration = Annotated[int, BeforeValidator(_duration_ns), _length_schema("250ms", "A length of time: 250ms, 1.5s, 2m.")]
"""Nanoseconds, more than none."""
WindowSeconds = Annotated[
    int,
    BeforeValidator(_seconds(_MINUTE, 400 * DAY_SECONDS)),
    _length_schema("15m", "How far back to look each time: 15m, 1h, 7d."),
]
EverySeconds = Annotated[
    int,
    BeforeValidator(_seconds(10, DAY_SECONDS)),
    _length_schema("1m", "How often a server looks, from 10s to 1d."),
]
ForSeconds = Annotated[
    int,
    BeforeValidator(_seconds(0, 7 * DAY_SECONDS)),
    _length_schema("5m", "How long a breach has to last before anybody is told; 0s tells of the first."),
]
RepeatSeconds = Annotated[
    int,
    BeforeValidator(_seconds(0, 30 * DAY_SECONDS)),
    _length_schema("4h", "When to tell again of a breach that lasts; 0s never does."),
]
TimeoutSeconds = Annotated[
    int, BeforeValidator(_seconds(1, _MINUTE)), _length_schema("5s", "How long one attempt may take, at most 1m.")
]
Share = Annotated[
    float,
    BeforeValidator(share),
    WithJsonSchema({"type": ["string", "number"], "examples": ["5%", 0.05], "description": "A share: 5% or 0.05."}),
]
"""From 0 to 1, itself not included."""
ClockTime = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$", "examples": ["08:30"]}),
]
ZoneName = Annotated[str, AfterValidator(_zone)]
LabelName = Annotated[str, Field(max_length=100, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
"""As Prometheus and Alertmanager have them."""
WebAddress = Annotated[str, Field(max_length=2000), AfterValidator(web_address)]
