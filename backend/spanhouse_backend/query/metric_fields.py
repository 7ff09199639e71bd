"""What the questions about metrics share: how data points are filtered and grouped."""

from collections.abc import Mapping
from typing import Annotated

from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.grouping import read_group
from spanhouse_backend.query.parameters import SERVICE, narrowed
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.vocabulary import DATA_POINTS, Field

NAME = Parameter("name", "Only this metric.")
METRIC = Parameter("name", "Which metric: its name, such as http.server.request.duration.", required=True)
FILTER = Parameter(
    "filter", "Only data points like these: 'service=checkout attr.http.route^=/api resource.region=eu'."
)
GROUP = Parameter(
    "group",
    'What to group by, separated by commas: service, scope, attr.KEY, resource.KEY; "none" is all values together.',
    "service",
)


def _where(given: Given) -> Filter:
    return narrowed(given, DATA_POINTS, FILTER, SERVICE, NAME)


def _metric(given: Given) -> Filter:
    return narrowed(given, DATA_POINTS, FILTER, SERVICE)


def _group(given: Given) -> Mapping[str, Field]:
    return read_group(given, GROUP, DATA_POINTS)


PointsFiltered = Annotated[Filter, Reads(_where, SERVICE, NAME, FILTER)]
MetricFiltered = Annotated[Filter, Reads(_metric, SERVICE, FILTER)]
MetricGrouped = Annotated[Mapping[str, Field], Reads(_group, GROUP)]
