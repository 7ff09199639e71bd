"""`percentiles`: any percentiles of any groups of calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.grouping import read_group
from spanhouse_backend.query.parameters import Exactly, Filtered, Limited, Windowed
from spanhouse_backend.query.percentiles import Levelled, grouped
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.vocabulary import SPANS, Field

GROUP = Parameter(
    "group",
    "What to group by, separated by commas: service, name, kind, status, scope, error.type, attr.KEY, resource.KEY; "
    '"none" is all calls together.',
    "service,name",
)


@dataclass(frozen=True, slots=True)
class PercentilesRow:
    """One group of calls: `group` has its value of each field, '' where a span does not have it.

    `percentiles_ns` has the percentiles by name ("p50", "p99.9").
    """

    group: Mapping[str, str]
    calls: int
    errors: int
    total_ns: int
    mean_ns: float
    percentiles_ns: Mapping[str, int]


def group_of_calls(given: Given) -> Mapping[str, Field]:
    """The fields of `group` by their names. Raises InvalidQuestion."""
    return read_group(given, GROUP, SPANS)


@dataclass(frozen=True, kw_only=True)
class Percentiles(Question[Answer[PercentilesRow]], name="percentiles", row=PercentilesRow):
    """How long do calls take, at these percentiles, by whatever they are grouped by? The largest total comes first."""

    window: Windowed
    where: Filtered
    exact: Exactly
    group: Annotated[Mapping[str, Field], Reads(group_of_calls, GROUP)]
    levels: Levelled
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[PercentilesRow]:
        """One row a group."""
        chosen = choose(self.window, self.where, exact=self.exact, groups=tuple(self.group.values()))
        found = await grouped(engine, chosen, self.levels, self.limit)
        return Answer(
            source=chosen.source,
            accuracy=chosen.accuracy,
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=tuple(
                PercentilesRow(group=dict(zip(self.group, values.pop("keys"), strict=False)), **values)
                for values in found
            ),
        )
