"""`attributes` and `attribute_impact`: what calls say of themselves, and which of it goes with being slow."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import attribute_name
from spanhouse_backend.query.parameters import Filtered, Limited, Windowed
from spanhouse_backend.query.percentiles import parse_level
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import parse_length

SLOWER_THAN = Parameter(
    "slower_than",
    'Which calls are slow: a percentile of those that match ("p95"), or a length of time ("50ms").',
    "p95",
)


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
    """One value of one attribute, more frequent among the slow calls than among the others.

    `slow_share` is how many of the slow calls have it, `other_share` how many of the others, from 0 to 1. The score is
    the difference: 1 is had by all slow calls and no other, 0 says nothing. A difference rather than a ratio, because
    a value that one slow call has and no other would have an infinite ratio, and explains one call.
    """

    name: str
    value: str
    slow_calls: int
    other_calls: int
    slow_share: float
    other_share: float
    score: float


@dataclass(frozen=True, kw_only=True)
class ImpactAnswer(Answer[ImpactRow]):
    """The values that go with being slow: slow are the `slow_calls` of all `calls` that took longer than `over_ns`."""

    over_ns: int
    calls: int
    slow_calls: int


class SlowerThan(NamedTuple):
    """A length of time in nanoseconds, or the percentile at a level."""

    over_ns: int | None
    level: float


def _slower_than(given: Given) -> SlowerThan:
    text = given[SLOWER_THAN]
    if (level := parse_level(text)) is not None:
        return SlowerThan(None, level)
    try:
        return SlowerThan(parse_length("slower_than", text), 0.0)
    except InvalidQuestion:
        problem = f"{text[:100]!r} is neither a percentile (p95) nor a length of time (50ms)"
        raise InvalidQuestion("slower_than", problem) from None


@dataclass(frozen=True, kw_only=True)
class AttributeImpact(Question[ImpactAnswer], name="attribute_impact", row=ImpactRow, answer_type=ImpactAnswer):
    """Which attribute values are over-represented among the slow calls? The highest score comes first.

    Ask it of one function at a time (`service`, `name`): otherwise it finds what slow functions have in common.
    """

    window: Windowed
    where: Filtered
    slower_than: Annotated[SlowerThan, Reads(_slower_than, SLOWER_THAN)]
    limit: Limited

    async def answer(self, engine: Engine) -> ImpactAnswer:
        """One row a value; none when no call is slower than the others."""
        chosen = choose(self.window, self.where, exact=True)
        over, level = self.slower_than
        levels = chosen.percentiles((level,))
        (threshold,) = await engine.rows(
            statement("attribute_threshold.sql", {"over": over}, calls=chosen.calls, levels=levels)
        )
        bounds = {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns, "limit": self.limit}
        asked = statement("attribute_impact.sql", bounds | threshold, filter=condition(self.where))
        return ImpactAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=await notes(engine, "raw", *self.window),
            **threshold,
            rows=tuple(
                ImpactRow(name=attribute_name(values.pop("map"), values.pop("key")), **values)
                for values in (await engine.rows(asked) if threshold["slow_calls"] else ())
            ),
        )
