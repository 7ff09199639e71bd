"""What a request will cost, estimated before it is stored: memory of the engine, and time of ours.

Columns are not messages: an empty span is two bytes on the wire and a kilobyte in the engine, and a resource's
attributes are repeated for each of its spans. So a few megabytes can ask for gigabytes, by mistake or on purpose. The
estimate walks a request down to its records (spans, log records, data points); what is in them is counted by its tags'
bytes, which is quick and never too little, since each field has its tag. Only when that comes to too much are the
records walked as well, one by one. docs/limits.md has the measurements behind the figures.
"""

from collections.abc import Mapping

from spanhouse_backend.errors import TooLarge
from spanhouse_backend.ingest.wire import read_field

SPAN_BYTES = 1400
"""What a span takes besides its resource, its scope and what is in it."""
LOG_RECORD_BYTES = 900
"""What a log record takes."""
METRIC_BYTES = 4000
"""What a metric takes besides its data points: it has the columns of all kinds on its way."""
DATA_POINT_BYTES = 1600
"""What a data point takes."""
METRIC_FIELD_BYTES = 256
"""What any other field of a metric is put down for: time, as with INNER_FIELD_BYTES, and there are two of them."""
FIELD_BYTES = 2048
"""What a field around the records is put down for. It stands for time, too: reading a quarter of a million of them
takes a third of a second."""
_REPEATED_ATTRIBUTE_BYTES = 32  # of a resource, in each of its records, besides its text
# The three signals of opentelemetry-proto number these alike: the resource and the lists of scopes, the scope and the
# records, and the schema URL of either.
_RESOURCE = _SCOPE = 0x0A
_SCOPES = _RECORDS = 0x12
_SCHEMA_URL = 0x1A
_ATTRIBUTES, _SCOPE_ATTRIBUTES = 0x0A, 0x1A  # of a resource, of a scope
_NESTED_BYTES = 320
"""What each message that repeats within a record takes: an attribute, an event, a link, an element of an array."""
INNER_FIELD_BYTES = 50
"""What any field within a record is put down for when records are walked: time, mostly, a microsecond each."""
# A length below this is one byte; else each byte has seven bits of it.
_ONE_BYTE, _PAYLOAD = 0x80, 0x7F


class _Kind:
    """A kind of message within a record: what one takes, and the kinds within it by tag."""

    def __init__(self, cost: int, inner: dict[int, "_Kind"]) -> None:
        self.cost = cost
        self.inner = inner

    def repeating_tags(self) -> set[int]:
        """Of all the messages within that cost something."""
        tags = {tag for tag, kind in self.inner.items() if kind.cost}
        return tags.union(*(kind.repeating_tags() for kind in self.inner.values()))


class Shape:
    """What the requests of one signal look like, as far as they are weighed."""

    def __init__(self, records: str, record: _Kind, points: Mapping[int, _Kind] | None = None, growth: int = 1) -> None:
        self.records = records
        """What they hold, in words."""
        self.record = record
        """What a scope has many of: a record, but for metrics."""
        self.points = points
        """Of metrics, the kind of data point by the tag of the field that holds them."""
        self.growth = growth
        """What a byte of a record becomes at most: numbers are packed in some, and one byte each."""
        # Text has these bytes too (J, Z, j, "), and so have lengths. A tag may be written in more bytes than it needs;
        # it then begins with the highest bit set.
        tags = record.repeating_tags().union(*(point.repeating_tags() for point in (points or {}).values()))
        self.other_bytes = bytes(byte for byte in range(256) if byte & ~_ONE_BYTE not in tags)


# trace.proto, logs.proto and common.proto. What is nested in an array's elements the engine keeps as the bytes it came
# in.
_ELEMENT = _Kind(_NESTED_BYTES, {})
_LIST = _Kind(0, {0x0A: _ELEMENT})
_VALUE = _Kind(0, {0x2A: _LIST, 0x32: _LIST})
_ATTRIBUTE = _Kind(_NESTED_BYTES, {0x12: _VALUE})
_EVENT = _Kind(_NESTED_BYTES, {0x1A: _ATTRIBUTE})
_LINK = _Kind(_NESTED_BYTES, {0x22: _ATTRIBUTE})
SPANS = Shape("spans", _Kind(SPAN_BYTES, {0x4A: _ATTRIBUTE, 0x5A: _EVENT, 0x6A: _LINK}))
LOG_RECORDS = Shape("log records", _Kind(LOG_RECORD_BYTES, {0x2A: _VALUE, 0x32: _ATTRIBUTE}))
# metrics.proto. A metric has its name, description and unit again in each of its data points.
_EXEMPLAR = _Kind(_NESTED_BYTES, {0x3A: _ATTRIBUTE})
_QUANTILE = _Kind(_NESTED_BYTES, {})
_NUMBER = _Kind(DATA_POINT_BYTES, {0x2A: _EXEMPLAR, 0x3A: _ATTRIBUTE})
_HISTOGRAM = _Kind(DATA_POINT_BYTES, {0x42: _EXEMPLAR, 0x4A: _ATTRIBUTE})
_EXPONENTIAL = _Kind(DATA_POINT_BYTES, {0x0A: _ATTRIBUTE, 0x5A: _EXEMPLAR})
_SUMMARY = _Kind(DATA_POINT_BYTES, {0x32: _QUANTILE, 0x3A: _ATTRIBUTE})
_METRIC_TEXT = (0x0A, 0x12, 0x1A)
_POINT = 0x0A
DATA_POINTS = Shape(
    "data points",
    _Kind(METRIC_BYTES, {}),
    {0x2A: _NUMBER, 0x3A: _NUMBER, 0x4A: _HISTOGRAM, 0x52: _EXPONENTIAL, 0x5A: _SUMMARY},
    growth=56,
)


class Weight:
    """Adds up what one request costs, and refuses it as soon as that is more than `max_bytes`."""

    def __init__(self, data: bytes, shape: Shape, max_bytes: int) -> None:
        self.total_bytes = 0
        self.records = 0
        self._data = data
        self._shape = shape
        self._max_bytes = max_bytes
        self._walk_records = False

    def add_inside(self) -> None:
        """What is in the records, or, when that may be too much, the resolution to look. Raises TooLarge."""
        tags = len(self._data.translate(None, self._shape.other_bytes))
        self.add(len(self._data) * self._shape.growth)
        if _NESTED_BYTES * tags > self._max_bytes // 2:
            self._walk_records = True
        else:
            self.add(_NESTED_BYTES * tags)

    def add_resource(self, position: int, end: int) -> None:
        """A resource and its records at data[position:end]. Raises MalformedData when it is broken, TooLarge."""
        data = self._data
        repeated = 0  # bytes that each of its records has again
        scopes: list[tuple[int, int]] = []
        while position < end:
            tag, value, position = read_field(data, position, end)
            self.add(FIELD_BYTES)
            if tag == _SCOPES:
                points = self._shape.points
                scopes.append(self._metrics(value, position, points) if points else self._scope(value, position))
            elif tag in (_RESOURCE, _SCHEMA_URL):
                repeated += position - value + _REPEATED_ATTRIBUTE_BYTES * data.count(_ATTRIBUTES, value, position)
        for records, scope in scopes:
            self.add(records * (repeated + scope))

    def add(self, count: int) -> None:
        """So many bytes more. Raises TooLarge."""
        self.total_bytes += count
        if self.total_bytes > self._max_bytes:
            raise TooLarge(
                f"storing this request would take more than {self._max_bytes} bytes of memory, which is the limit: "
                f"send its {self._shape.records} in several requests"
            )

    def _scope(self, position: int, end: int) -> tuple[int, int]:
        """How many records there are, and how many bytes of their scope each of them repeats."""
        data, each = self._data, self._shape.record.cost
        records = scope = 0
        most = (self._max_bytes - self.total_bytes) // each
        while position < end and records <= most:
            if not self._walk_records:
                passed, position = _pass_records(data, position, end, most)
                records += passed
                if position >= end:
                    break
            tag, value, position = read_field(data, position, end)
            if tag != _RECORDS:
                self.add(FIELD_BYTES)
            if tag in (_SCOPE, _SCHEMA_URL):
                scope += position - value + _REPEATED_ATTRIBUTE_BYTES * data.count(_SCOPE_ATTRIBUTES, value, position)
            elif tag == _RECORDS:
                records += 1
                if self._walk_records:
                    self._walk(value, position, self._shape.record)
        if not self._walk_records:
            self.add(records * each)
        self.records += records
        if position != end:
            # A record ends behind the scope's end: no field fits there, and this says so.
            read_field(data, end, end)
        return records, scope

    def _metrics(self, position: int, end: int, kinds: Mapping[int, _Kind]) -> tuple[int, int]:
        """What `_scope` says, of a scope of metrics: its records are their data points."""
        data = self._data
        points = scope = 0
        while position < end:
            tag, value, position = read_field(data, position, end)
            if tag == _RECORDS:
                points += self._metric(value, position, kinds)
                continue
            self.add(FIELD_BYTES)
            if tag in (_SCOPE, _SCHEMA_URL):
                scope += position - value + _REPEATED_ATTRIBUTE_BYTES * data.count(_SCOPE_ATTRIBUTES, value, position)
        self.records += points
        return points, scope

    def _metric(self, position: int, end: int, kinds: Mapping[int, _Kind]) -> int:
        """How many data points a metric has. What they take, and the metric in each of them, is added."""
        data = self._data
        points = text = 0
        self.add(METRIC_BYTES)
        while position < end:
            tag, value, position = read_field(data, position, end)
            if tag in _METRIC_TEXT:
                text += position - value
            elif kind := kinds.get(tag):
                while value < position:
                    inner, start, value = read_field(data, value, position)
                    if inner != _POINT:
                        self.add(METRIC_FIELD_BYTES)
                        continue
                    points += 1
                    if self._walk_records:
                        self._walk(start, value, kind)
                    else:
                        self.add(kind.cost)
            else:
                self.add(METRIC_FIELD_BYTES)
        self.add(points * text)
        return points

    def _walk(self, position: int, end: int, kind: _Kind) -> None:
        self.add(kind.cost)
        while position < end:
            tag, value, position = read_field(self._data, position, end)
            self.add(INNER_FIELD_BYTES)
            inner = kind.inner.get(tag)
            if inner is not None:
                self._walk(value, position, inner)


def _pass_records(data: bytes, position: int, end: int, most: int) -> tuple[int, int]:
    """How many records follow each other at `position`, up to `most` and one, and where the next thing begins.

    This runs for every record that is taken in: lengths of one and two bytes, which nearly all have, go without a call,
    and anything else is left to who called.
    """
    records = 0
    while position < end - 2 and data[position] == _RECORDS and records <= most:
        low, high = data[position + 1], data[position + 2]
        if low < _ONE_BYTE:
            position += 2 + low
        elif high < _ONE_BYTE:
            position += 3 + (high << 7 | low & _PAYLOAD)
        else:
            break
        records += 1
    return records, position
