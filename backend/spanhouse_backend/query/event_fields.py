"""What questions about events share: which of them are meant, by stream, service and filter."""

from typing import Annotated

from spanhouse_backend.query.filters import Exists, Filter, both, equals
from spanhouse_backend.query.parameters import SERVICE, narrowed, plain
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.vocabulary import RECORDS

STREAM = Parameter("stream", "Which stream: the name of its events.", required=True)
EVENT_FILTER = Parameter("filter", "Only events like these: 'attr.user=40 attr.num_clicks>5 attr.source~\"^https?:\"'.")


def read_events(given: Given) -> Filter:
    """The filter of `filter` and `service`, over events of any stream. Raises InvalidQuestion."""
    return both(Exists(RECORDS.fields["event"]), narrowed(given, RECORDS, EVENT_FILTER, SERVICE))


def of_stream(stream: str) -> Filter:
    """The filter of one stream. Raises InvalidQuestion."""
    return equals("event", plain(STREAM.name, stream), RECORDS)


def _of_stream(given: Given) -> Filter:
    return both(of_stream(given[STREAM]), narrowed(given, RECORDS, EVENT_FILTER, SERVICE))


EventsFiltered = Annotated[Filter, Reads(_of_stream, STREAM, SERVICE, EVENT_FILTER)]
