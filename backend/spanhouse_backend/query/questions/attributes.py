"""`attributes` and `attribute_impact`: what calls say of themselves, and which of it goes with being slow."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import attribute_name
from spanhouse_backend.query.parameters import RANGE, Filtered, Limited, Windowed, read_range, read_window
from spanhouse_backend.query.percentiles import parse_level
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import Window, parse_length

SLOWER_THAN = Parameter(
    "slower_than",
    'Calls inside took longer: than a percentile of those that match ("p95"), or than a length of time ("50ms"; "0ns" '
    "is every call). p95 if nothing is said of what is inside.",
)
UP_TO = Parameter("up_to", 'Calls inside took no longer than this length of time ("80ms"). However long if not given.')
DURING = Parameter("during", f"Calls inside began within this part of the window: {RANGE}. All of it if not given.")
_USUALLY = "p95"
# More nanoseconds than any span takes.
_HOWEVER_LONG_NS = 2**64 - 1


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute, named as in a filter: attr.KEY of spans, resource.KEY of where they come from.

    `type` is the narrowest that all its values have: bool, int, double or string. `values` is how many different ones
    there are, within some percent when there are thousands; `examples` are up to five of them, cut to 100 characters.
    """

    name: str
    type: str
    spans: int
    values: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attributes(Question[Answer[AttributeRow]], name="attributes", row=AttributeRow):
    """Which attributes do calls have, of what type, with how many values? What most calls have comes first."""

    window: Windowed
    where: Filtered
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[AttributeRow]:
        """One row an attribute."""
        bounds = {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns, "limit": self.limit}
        found = await engine.rows(statement("attributes.sql", bounds, filter=condition(self.where)))
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=await notes(engine, "raw", *self.window),
            rows=tuple(
                AttributeRow(
                    name=attribute_name(values.pop("map"), values.pop("key")),
                    examples=tuple(values.pop("examples")),
                    **values,
                )
                for values in found
            ),
        )


@dataclass(frozen=True, slots=True)
class ImpactRow:
    """One value of one attribute, more frequent among the calls inside than among those outside.

    `inside_share` is how many of the calls inside have it, `outside_share` how many of the others, from 0 to 1. The
    score is the difference: 1 is had by all calls inside and no other, 0 says nothing. `lift` is how many times as
    often it is found inside as among all calls. Rows are in order of the score, because a value that one call inside
    has and no other has the highest lift there is, and explains one call.
    """

    name: str
    value: str
    inside_calls: int
    outside_calls: int
    inside_share: float
    outside_share: float
    lift: float
    score: float


@dataclass(frozen=True, kw_only=True)
class ImpactAnswer(Answer[ImpactRow]):
    """The values that go with being inside.

    Inside are the `inside_calls` of all `calls` that took longer than `over_ns` and no longer than `up_to_ns` (null is
    however long; an `over_ns` of 0 is every call), and began from `inside_from_unix_ns` on, before `inside_to_unix_ns`.
    """

    over_ns: int
    up_to_ns: int | None
    inside_from_unix_ns: int
    inside_to_unix_ns: int
    calls: int
    inside_calls: int


class SlowerThan(NamedTuple):
    """A length of time in nanoseconds, or the percentile at a level."""

    over_ns: int | None
    level: float


def _slower_than(given: Given) -> SlowerThan:
    text = given[SLOWER_THAN] or ("0ns" if given[UP_TO] or given[DURING] else _USUALLY)
    if (level := parse_level(text)) is not None:
        return SlowerThan(None, level)
    try:
        return SlowerThan(parse_length("slower_than", text), 0.0)
    except InvalidQuestion:
        problem = f"{text[:100]!r} is neither a percentile (p95) nor a length of time (50ms)"
        raise InvalidQuestion("slower_than", problem) from None


def _up_to(given: Given) -> int | None:
    if not (text := given[UP_TO]):
        return None
    up_to_ns = parse_length(UP_TO.name, text)
    over_ns = _slower_than(given).over_ns
    if up_to_ns > _HOWEVER_LONG_NS or (over_ns and up_to_ns <= over_ns):
        raise InvalidQuestion(UP_TO.name, f"{text!r} is not longer than slower_than, {given[SLOWER_THAN]!r}")
    return up_to_ns


def _during(given: Given) -> Window:
    window = read_window(given)
    if not given[DURING]:
        return window
    part = read_range(given, DURING)
    within = Window(max(part.from_ns, window.from_ns), min(part.to_ns, window.to_ns))
    if within.from_ns >= within.to_ns:
        raise InvalidQuestion(DURING.name, f"{given[DURING]!r} lies outside the window of since and until")
    return within


@dataclass(frozen=True, kw_only=True)
class AttributeImpact(Question[ImpactAnswer], name="attribute_impact", row=ImpactRow, answer_type=ImpactAnswer):
    """Which attribute values are over-represented among the slow calls, or in any box of durations and times?

    The highest score comes first. Ask it of one function at a time (`service`, `name`): otherwise it finds what slow
    functions have in common.
    """

    window: Windowed
    where: Filtered
    slower_than: Annotated[SlowerThan, Reads(_slower_than, SLOWER_THAN)]
    up_to_ns: Annotated[int | None, Reads(_up_to, UP_TO)]
    during: Annotated[Window, Reads(_during, DURING)]
    limit: Limited

    async def answer(self, engine: Engine) -> ImpactAnswer:
        """One row a value; none when no call is inside, or no value more frequent there."""
        chosen = choose(self.window, self.where, exact=True)
        over, level = self.slower_than
        box = {
            "up_to_ns": _HOWEVER_LONG_NS if self.up_to_ns is None else self.up_to_ns,
            "inside_from_ns": self.during.from_ns,
            "inside_to_ns": self.during.to_ns,
        }
        (size,) = await engine.rows(
            statement(
                "attribute_threshold.sql",
                {"over": over, **box},
                calls=chosen.calls,
                levels=chosen.percentiles((level,)),
            )
        )
        bounds = {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns, "limit": self.limit}
        asked = statement("attribute_impact.sql", bounds | box | size, filter=condition(self.where))
        return ImpactAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=await notes(engine, "raw", *self.window),
            up_to_ns=self.up_to_ns,
            inside_from_unix_ns=self.during.from_ns,
            inside_to_unix_ns=self.during.to_ns,
            **size,
            rows=tuple(
                ImpactRow(name=attribute_name(values.pop("map"), values.pop("key")), **values)
                for values in (await engine.rows(asked) if size["inside_calls"] else ())
            ),
        )
