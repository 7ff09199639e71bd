"""JSON documents that become many times their size, or take long, when they are read."""

from collections.abc import Callable

SPAN = (
    b'{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"module.function","kind":1,'
    b'"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":['
    b'{"key":"a.b.c","value":{"stringValue":"hello there"}},{"key":"a.b.d","value":{"intValue":"17"}}]}'
)


def with_spans(spans: bytes) -> bytes:
    """A request with these spans."""
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}"


def ordinary(size: int) -> bytes:
    """About `size` bytes of spans as SDKs write them."""
    span = SPAN % (1_700_000_000_000_000_000, 1_700_000_000_000_001_000)
    return with_spans(b",".join([span] * (size // len(span))))


def _repeated(piece: bytes) -> Callable[[int], bytes]:
    """An unknown field with as many pieces as fit."""
    return lambda size: b'{"unknown":[' + b",".join([piece] * (size // (len(piece) + 1))) + b"]}"


def _attributes(piece: bytes) -> Callable[[int], bytes]:
    return lambda size: with_spans(b'{"attributes":[' + b",".join([piece] * (size // (len(piece) + 1))) + b"]}")


def _keys(value: bytes) -> Callable[[int], bytes]:
    """Keys that are all different: none of them is found in json's memory of keys."""
    return lambda size: b"{%s}" % b",".join(b'"%x":%s' % (index, value) for index in range(size // (9 + len(value))))


JSON_BOMBS: dict[str, Callable[[int], bytes]] = {
    "empty spans": lambda size: with_spans(b",".join([b"{}"] * (size // 3))),
    "empty attributes": _attributes(b"{}"),
    "attributes of one unknown field": _attributes(b'{"a":1}'),
    "empty values": _attributes(b'{"value":{}}'),
    "empty lists": _repeated(b"[]"),
    "empty objects": _repeated(b"{}"),
    "nested lists": _repeated(b"[" * 100 + b"]" * 100),
    "nested objects": _repeated(b'{"a":' * 100 + b"0" + b"}" * 100),
    "numbers": _repeated(b"1.5"),
    "integers of two digits": _repeated(b"-6"),
    "short strings": _repeated(b'"ab"'),
    "short strings that are not ASCII": _repeated('"\u0101"'.encode()),
    "keys of numbers": _keys(b"1.5"),
    "keys of lists": _keys(b"[]"),
    "one wide string": lambda size: with_spans(b'{"name":"' + b"a" * size + '\U0001f600"}'.encode()),
    "one escaped wide string": lambda size: with_spans(b'{"name":"' + b"a" * size + b'\\ud83d\\ude00"}'),
}
