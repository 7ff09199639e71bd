"""OTLP/HTTP (opentelemetry-proto, docs/specification.md, "OTLP/HTTP"): what is taken in, and how each error is told."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google.protobuf import json_format
from google.rpc import code_pb2
from harness import PATIENCE_SECONDS, ServerProcess, stored_spans
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from otlp_documents import json_names, messages, otlp_json
from otlp_over_http import (
    COMPRESSIONS,
    JSON,
    PATH,
    PROTOBUF,
    bad_fields_of,
    body_of,
    chunked,
    head,
    headers_of,
    send_raw,
    status_of,
)
from otlp_requests import request

TAKEN_IN = "/v1/traces, /v1/logs, /v1/metrics"
BOTH = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])


def post(server: ServerProcess, content: bytes, media_type: str, path: str = PATH, **headers: str) -> httpx.Response:
    url = f"http://{server.http}{path}"
    return httpx.post(url, content=content, headers=headers_of(media_type) | headers, timeout=60)


def rich_request(service: str) -> ExportTraceServiceRequest:
    """A span with everything that a span can have."""
    values = {
        "text": AnyValue(string_value="x"),
        "empty": AnyValue(string_value=""),
        "flag": AnyValue(bool_value=False),
        "number": AnyValue(int_value=-(2**53) - 1),
        "ratio": AnyValue(double_value=0.1),
        "infinite": AnyValue(double_value=float("-inf")),
        "bytes": AnyValue(bytes_value=b"\x00\xff"),
        "list": AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)])),
        "map": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bool_value=True))])),
    }
    message = request(service, [1_234_567], start_ns=1_700_000_000_123_456_789, attributes=values)
    span = message.resource_spans[0].scope_spans[0].spans[0]
    # The same whatever the service is called, so that rows can be compared.
    span.trace_id, span.span_id = bytes(range(16)), bytes(range(1, 9))
    span.parent_span_id, span.trace_state, span.flags = b"\xab" * 8, "k=v", 0x301
    span.kind, span.status.code, span.status.message = 2, 2, "boom"
    event = span.events.add(name="happened", time_unix_nano=span.start_time_unix_nano + 5, dropped_attributes_count=1)
    event.attributes.append(KeyValue(key="at", value=AnyValue(int_value=3)))
    span.links.add(trace_id=b"\x01" * 16, span_id=b"\xfe" * 8, trace_state="l=1", attributes=event.attributes)
    return message


def test_json_and_protobuf_and_grpc_store_the_same(tmp_path):
    with ServerProcess(tmp_path / "data", "--retention", "spans=forever") as server:  # they are of a fixed day
        server.export(rich_request("grpc").SerializeToString())
        for media_type in (PROTOBUF, JSON):
            assert post(server, body_of(rich_request(media_type), media_type), media_type).status_code == 200
        assert server.stop() == 0
    rows = stored_spans(tmp_path / "data")
    by_service = {str(row.pop("ServiceName")): row for row in rows}
    for row in rows:
        row["ResourceAttributes"] = None
    assert by_service.keys() == {"grpc", PROTOBUF, JSON}
    assert by_service[JSON] == by_service["grpc"]
    assert by_service[PROTOBUF] == by_service["grpc"]


@BOTH
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_success_is_the_empty_response_in_the_requests_encoding(shared_server, media_type, compression):
    encoding, compress = COMPRESSIONS[compression]
    service = f"{compression} {media_type}"
    body = compress(body_of(request(service, [1000, 2000]), media_type))
    response = post(shared_server, body, media_type, **({"Content-Encoding": encoding} if encoding else {}))
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.content == (b"" if media_type == PROTOBUF else b"{}")
    rows = shared_server.get("/api/v1/functions", service=service).json()["rows"]
    assert [row["calls"] for row in rows] == [2]


@BOTH
def test_spans_that_cannot_be_right_are_counted_in_the_answer_and_the_others_stored(shared_server, media_type):
    """OTLP, "Partial Success": 200, with how many were refused as a 64-bit integer, which is a string in JSON."""
    service = f"partial {media_type}"
    message = request(service, [1, 2, 3])
    message.resource_spans[0].scope_spans[0].spans[1].trace_id = bytes(16)
    response = post(shared_server, body_of(message, media_type), media_type)
    assert response.status_code == 200
    answer = ExportTraceServiceResponse()
    if media_type == PROTOBUF:
        answer.ParseFromString(response.content)
    else:
        assert response.json()["partialSuccess"]["rejectedSpans"] == "1"
        json_format.Parse(response.content, answer)
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message
    assert shared_server.get("/api/v1/functions", service=service).json()["rows"][0]["calls"] == 2


def test_numbers_that_no_version_has_named_yet_and_values_nested_deep_are_taken_in(shared_server):
    document = otlp_json(request("strange", [1000]))
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    value: dict[str, object] = {"boolValue": True}
    for _ in range(64):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    span |= {"kind": 99, "status": {"code": -1}, "flags": 2**32 - 1, "attributes": [{"key": "deep", "value": value}]}
    assert post(shared_server, json.dumps(document).encode(), JSON).content == b"{}"
    assert shared_server.get("/api/v1/functions", service="strange").json()["rows"][0]["calls"] == 1


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x"])
def test_parameters_of_the_content_type_make_no_difference(shared_server, content_type):
    assert post(shared_server, b"{}", content_type).content == b"{}"


@BOTH
def test_a_request_that_holds_nothing_succeeds(shared_server, media_type):
    empty = ExportTraceServiceRequest()
    assert post(shared_server, body_of(empty, media_type), media_type).status_code == 200


@BOTH
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_body_without_a_length_comes_in_chunks(shared_server, media_type, size):
    """RFC 9112, 7.1: chunks of any size, whatever packets they come in, and more requests after them."""
    service = f"chunked {size} {media_type}"
    body = chunked(body_of(request(service, [1000]), media_type), size)
    whole = head(headers_of(media_type) | {"Transfer-Encoding": "chunked"}) + body
    response, _ = send_raw(shared_server.http, [whole[:40], whole[40:-3], whole[-3:]])
    assert response.status == 200
    assert shared_server.get("/api/v1/functions", service=service).json()["rows"][0]["calls"] == 1


def test_one_connection_takes_many_requests(shared_server):
    address = f"http://{shared_server.http}"
    with httpx.Client(base_url=address, headers=headers_of(JSON), timeout=PATIENCE_SECONDS) as client:
        for _ in range(20):
            assert client.post(PATH, content=b"{}").status_code == 200
            assert client.post(PATH, content=b"{").status_code == 400


GOOD = request("good", [1000]).SerializeToString()

BAD_DATA = {
    "truncated": (GOOD[:-7], PROTOBUF),
    "garbage in a right frame": (b"\x0a\x16\x12\x10" + b"\xff" * 20, PROTOBUF),
    "JSON that is none": (b'{"resourceSpans": [', JSON),
    "JSON that is not UTF-8": (b'{"a": "\xe9"}', JSON),
    "JSON nested without end": (b'{"a":' + b"[" * 100_000, JSON),
    "protobuf called JSON": (GOOD, JSON),
    "JSON called protobuf": (b'{"resourceSpans": []}', PROTOBUF),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_is_400_with_a_status_that_says_why(shared_server, kind):
    body, media_type = BAD_DATA[kind]
    response = post(shared_server, body, media_type)
    assert response.status_code == 400
    assert response.headers["content-type"] == media_type
    status = status_of(response.content, media_type)
    assert status.code == code_pb2.INVALID_ARGUMENT
    assert status.message
    assert len(bad_fields_of(status)) == 1


def test_bad_json_is_refused_by_the_path_of_its_field(shared_server):
    document = otlp_json(request("bad", [1, 2, 3]))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][2]["traceId"] = "xyz"
    response = post(shared_server, json.dumps(document).encode(), JSON)
    status = status_of(response.content, JSON)
    path = "resourceSpans[0].scopeSpans[0].spans[2].traceId"
    assert (response.status_code, status.message) == (400, f"{path}: 'xyz' is not hexadecimal")
    assert bad_fields_of(status) == [path]
    assert response.json()["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


@BOTH
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("kind", ["not compressed", "cut short", "followed by rubbish", "nothing"])
def test_a_body_that_is_not_compressed_as_it_says_is_400(shared_server, media_type, encoding, kind):
    body = body_of(request("compressed", [1000]), media_type)
    compressed = COMPRESSIONS[encoding][1](body)
    sent = {
        "not compressed": b"\xff\xff" + body,
        "cut short": compressed[:-1],
        "followed by rubbish": compressed + b"\xff\xff",
        "nothing": b"",
    }[kind]
    response = post(shared_server, sent, media_type, **{"Content-Encoding": encoding})
    assert response.status_code == 400
    assert f"the body is not {encoding}: " in status_of(response.content, media_type).message


@BOTH
def test_an_encoding_that_we_do_not_know_is_415_and_says_which_we_do(shared_server, media_type):
    response = post(shared_server, b"{}", media_type, **{"Content-Encoding": "br"})
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert status_of(response.content, media_type).code == code_pb2.INVALID_ARGUMENT


@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", "application/jsonp", "", "application/xml"])
def test_a_content_type_that_is_not_otlps_is_415(shared_server, content_type):
    response = post(shared_server, b"{}", content_type)
    assert (response.status_code, response.headers["accept-post"]) == (415, f"{PROTOBUF}, {JSON}")
    assert status_of(response.content, JSON).code == code_pb2.INVALID_ARGUMENT


@BOTH
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_a_method_that_is_not_post_is_405(shared_server, media_type, method):
    url = f"http://{shared_server.http}{PATH}"
    response = httpx.request(method, url, headers=headers_of(media_type), timeout=PATIENCE_SECONDS)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert status_of(response.content, media_type).code == code_pb2.UNIMPLEMENTED


@BOTH
@pytest.mark.parametrize("path", ["/v1development/profiles"])
def test_a_signal_that_is_not_taken_in_is_404(shared_server, media_type, path):
    response = post(shared_server, b"", media_type, path)
    assert response.status_code == 404
    status = status_of(response.content, media_type)
    assert (status.code, status.message) == (code_pb2.UNIMPLEMENTED, f"{path} is not taken in here; {TAKEN_IN} are")


NAMES = [*sorted(json_names(ExportTraceServiceRequest.DESCRIPTOR)), "unknown"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["ab", "0"])
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
WRONG_INSIDE = st.binary(max_size=100).map(lambda inside: b"\x0a" + bytes([len(inside)]) + inside)


@given(
    body=st.one_of(
        st.binary(max_size=100),
        WRONG_INSIDE,
        ANY_JSON.map(lambda document: json.dumps(document).encode()),
        messages(ExportTraceServiceRequest).map(lambda message: body_of(message, PROTOBUF)),
        messages(ExportTraceServiceRequest).map(lambda message: body_of(message, JSON)),
    ),
    media_type=st.sampled_from([PROTOBUF, JSON]),
)
@settings(max_examples=80)
def test_whatever_is_sent_is_never_the_servers_fault(shared_server, body, media_type):
    response = post(shared_server, body, media_type)
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert status_of(response.content, media_type).code == code_pb2.INVALID_ARGUMENT


def test_a_server_that_was_sent_all_this_is_alive_and_ready(shared_server):
    assert (shared_server.get("/healthz").text, shared_server.get("/readyz").text) == ("alive\n", "ready\n")


def test_a_large_json_request_is_stored_whole_while_others_are_answered(shared_server):
    """Ten thousand spans, and meanwhile the server goes on."""
    body = body_of(request("many", [1000] * 10_000), JSON)
    with ThreadPoolExecutor(3) as senders:
        sent = [senders.submit(post, shared_server, body, JSON) for _ in range(3)]
        while not all(done.done() for done in sent):
            assert shared_server.get("/healthz").status_code == 200
    assert [done.result().status_code for done in sent] == [200] * 3
    assert shared_server.get("/api/v1/functions", service="many").json()["rows"][0]["calls"] == 10_000
