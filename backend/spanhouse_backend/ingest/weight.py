"""What a request will cost, estimated before it is stored: memory of the engine, and time of ours.

Columns are not messages: an empty span is two bytes on the wire and a kilobyte in the engine, and a resource's
attributes are repeated for each of its spans. So a few megabytes can ask for gigabytes, by mistake or on purpose. The
estimate walks a request down to its spans; what is in them is counted by its tags' bytes, which is quick and never
too little, since each field has its tag. Only when that comes to too much are the spans walked as well, one by one.
docs/limits.md has the measurements behind the figures.
"""

from spanhouse_backend.errors import TooLarge
from spanhouse_backend.ingest.wire import read_field

SPAN_BYTES = 1400
"""What a span takes besides its resource, its scope and what is in it."""
FIELD_BYTES = 2048
"""What a field around the spans is put down for. It stands for time, too: reading a quarter of a million of them takes
a third of a second."""
_REPEATED_ATTRIBUTE_BYTES = 32  # of a resource, in each of its spans, besides its text
# opentelemetry-proto, trace.proto: ResourceSpans.resource and scope_spans, ScopeSpans.scope and spans.
_RESOURCE = _SCOPE = 0x0A
_SCOPE_SPANS = _SPANS = 0x12
_ATTRIBUTES = 0x0A  # of a resource and of a scope
_NESTED_BYTES = 320
"""What each message that repeats within a span takes: an attribute, an event, a link, an element of an array."""
INNER_FIELD_BYTES = 50
"""What any field within a span is put down for when spans are walked: time, mostly, a microsecond each."""
# The tags of those messages. Text has these bytes too (J, Z, j, "), and so have lengths.
_NESTED_TAGS = (0x4A, 0x5A, 0x6A, 0x1A, 0x22, 0x0A)
# A length below this is one byte; else each byte has seven bits of it.
_ONE_BYTE, _PAYLOAD = 0x80, 0x7F
# A tag may be written in more bytes than it needs; it then begins with this bit set.
_OTHER_BYTES = bytes(byte for byte in range(256) if byte & ~_ONE_BYTE not in _NESTED_TAGS)


class _Kind:
    """A kind of message within a span: what one takes, and the kinds within it by tag."""

    def __init__(self, cost: int, inner: dict[int, "_Kind"]) -> None:
        self.cost = cost
        self.inner = inner


# trace.proto and common.proto. What is nested in an array's elements the engine keeps as the bytes it came in.
_ELEMENT = _Kind(_NESTED_BYTES, {})
_LIST = _Kind(0, {0x0A: _ELEMENT})
_ATTRIBUTE = _Kind(_NESTED_BYTES, {0x12: _Kind(0, {0x2A: _LIST, 0x32: _LIST})})
_EVENT = _Kind(_NESTED_BYTES, {0x1A: _ATTRIBUTE})
_LINK = _Kind(_NESTED_BYTES, {0x22: _ATTRIBUTE})
_SPAN = _Kind(SPAN_BYTES, {0x4A: _ATTRIBUTE, 0x5A: _EVENT, 0x6A: _LINK})


class Weight:
    """Adds up what one request costs, and refuses it as soon as that is more than `max_bytes`."""

    def __init__(self, data: bytes, max_bytes: int) -> None:
        self.total_bytes = 0
        self.spans = 0
        self._data = data
        self._max_bytes = max_bytes
        self._walk_spans = False

    def add_inside(self) -> None:
        """What is in the spans, or, when that may be too much, the resolution to look. Raises TooLarge."""
        tags = len(self._data.translate(None, _OTHER_BYTES))
        self.add(len(self._data))
        if _NESTED_BYTES * tags > self._max_bytes // 2:
            self._walk_spans = True
        else:
            self.add(_NESTED_BYTES * tags)

    def add_resource_spans(self, position: int, end: int) -> None:
        """A ResourceSpans at data[position:end]. Raises MalformedData when it is broken, TooLarge."""
        data = self._data
        repeated = 0  # bytes that each of its spans has again
        scopes: list[tuple[int, int]] = []
        while position < end:
            tag, value, position = read_field(data, position, end)
            self.add(FIELD_BYTES)
            if tag == _RESOURCE:
                repeated += position - value + _REPEATED_ATTRIBUTE_BYTES * data.count(_ATTRIBUTES, value, position)
            elif tag == _SCOPE_SPANS:
                scopes.append(self._scope_spans(value, position))
        for spans, scope in scopes:
            self.add(spans * (repeated + scope))

    def add(self, count: int) -> None:
        """So many bytes more. Raises TooLarge."""
        self.total_bytes += count
        if self.total_bytes > self._max_bytes:
            raise TooLarge(
                f"storing this request would take more than {self._max_bytes} bytes of memory, which is the limit: "
                "send its spans in several requests"
            )

    def _scope_spans(self, position: int, end: int) -> tuple[int, int]:
        """How many spans there are, and how many bytes of their scope each of them repeats."""
        data = self._data
        spans = scope = 0
        most = (self._max_bytes - self.total_bytes) // SPAN_BYTES
        while position < end and spans <= most:
            if not self._walk_spans:
                passed, position = _pass_spans(data, position, end, most)
                spans += passed
                if position >= end:
                    break
            tag, value, position = read_field(data, position, end)
            if tag != _SPANS:
                self.add(FIELD_BYTES)
            if tag == _SCOPE:
                scope += position - value + _REPEATED_ATTRIBUTE_BYTES * data.count(_ATTRIBUTES, value, position)
            elif tag == _SPANS:
                spans += 1
                if self._walk_spans:
                    self._walk(value, position, _SPAN)
        if not self._walk_spans:
            self.add(spans * SPAN_BYTES)
        self.spans += spans
        if position != end:
            # A span ends behind the scope's end: no field fits there, and this says so.
            read_field(data, end, end)
        return spans, scope

    def _walk(self, position: int, end: int, kind: _Kind) -> None:
        self.add(kind.cost)
        while position < end:
            tag, value, position = read_field(self._data, position, end)
            self.add(INNER_FIELD_BYTES)
            inner = kind.inner.get(tag)
            if inner is not None:
                self._walk(value, position, inner)


def _pass_spans(data: bytes, position: int, end: int, most: int) -> tuple[int, int]:
    """How many spans follow each other at `position`, up to `most` and one, and where the next thing begins.

    This runs for every span that is taken in: lengths of one and two bytes, which nearly all have, go without a call,
    and anything else is left to who called.
    """
    spans = 0
    while position < end - 2 and data[position] == _SPANS and spans <= most:
        low, high = data[position + 1], data[position + 2]
        if low < _ONE_BYTE:
            position += 2 + low
        elif high < _ONE_BYTE:
            position += 3 + (high << 7 | low & _PAYLOAD)
        else:
            break
        spans += 1
    return spans, position
