"""gRPC and REST give the same answers and the same refusals."""

import asyncio
import csv
import io
import json
from dataclasses import fields
from urllib.parse import urlencode

import grpc
import pyarrow as pa
import pytest
from data_points import Stream, body, explicit, exponential
from fastapi import FastAPI
from log_records import Made, records
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import log_request, request
from query_house import MINUTE, MONDAY_10H, PATIENCE_SECONDS, get

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.query import query_grpc
from spanhouse_backend.query.query_grpc import QUERY_SERVICE, add_query_service
from spanhouse_backend.query.query_http import document_model, query_router
from spanhouse_backend.query.questions import QUESTIONS
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.trace import Trace
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.query.wire import STORE_FAILED, document, functions_from_proto, trace_from_proto
from spanhouse_backend.store.landing import METRICS
from spanhouse_proto.query_pb2 import AskRequest, DeleteRequest, FunctionsRequest, TraceRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

pytestmark = pytest.mark.over_both_stores

WINDOW = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T10:01:30Z"}


@pytest.fixture
def query(house):
    """The service, called as any client would."""
    with grpc.insecure_channel(house.grpc) as channel:
        yield QueryStub(channel)


@pytest.fixture(scope="module")
def stored(house):
    """Three functions of the service `faces`; gives one of their traces."""
    messages = [
        request(
            "faces",
            range(1000, 1000 + 100 * n, 7),
            name=f"f{n}",
            start_ns=MONDAY_10H,
            attributes={"n": AnyValue(int_value=n)},
        )
        for n in (1, 2, 3)
    ]
    house.insert(*messages)
    took = Stream("took", "faces", attributes={"n": "1"})
    took.explicit.append(explicit([0.2, 99.0], MONDAY_10H, MONDAY_10H, extremes=False))
    took.exponential.append(exponential([0.2, 0.4], MONDAY_10H, MONDAY_10H))
    house.run(house.store.insert(METRICS, join([frame(body(took))]), []))
    clicks = ['{"n":1,"deep":{"x":[1.5,null]}}', '{"n":2,"said":"grüß"}']
    house.insert_logs(
        records("faces", [Made(MONDAY_10H, body, event="clicks", attributes={"n": "1"}) for body in clicks])
    )
    house.insert_logs(log_request("faces", ["hello", "hello again", "Hello", "bye"], time_ns=MONDAY_10H))
    return messages[0].resource_spans[0].scope_spans[0].spans[0].trace_id.hex()


def test_functions_are_the_same_over_grpc_and_rest(house, query, stored):
    message = query.Functions(
        FunctionsRequest(**WINDOW, service="faces", sort="p99", limit=2), timeout=PATIENCE_SECONDS
    )
    answer = functions_from_proto(message)
    response = house.get(
        "/api/v1/functions?since=2026-01-05T10:00Z&until=2026-01-05T10:01:30Z&service=faces&sort=p99_ns&limit=2"
    )
    assert response.status_code == 200
    assert response.json() == document(answer)
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H, MONDAY_10H + 2 * MINUTE)
    assert [row.name for row in answer.rows] == ["f3", "f2"]
    body = response.json()
    assert {name: body[name] for name in ("source", "accuracy", "from", "to")} == {
        "source": "rollup_1m",
        "accuracy": "bucketed",
        "from": "2026-01-05T10:00:00Z",
        "to": "2026-01-05T10:02:00Z",
    }


def test_a_question_without_parameters_is_everything(house, query, stored):
    rows = functions_from_proto(query.Functions(FunctionsRequest(), timeout=PATIENCE_SECONDS)).rows
    assert rows
    response = house.get("/api/v1/functions")
    assert response.json()["from"] == "1970-01-01T00:00:00Z"
    assert len(response.json()["rows"]) == len(rows) <= 50
    assert house.get("/api/v1/functions?since=&limit=&sort=&service=&until=").json()["rows"] == response.json()["rows"]


def test_a_trace_is_the_same_over_grpc_and_rest(house, query, stored):
    answer = trace_from_proto(query.Trace(TraceRequest(trace_id=stored), timeout=PATIENCE_SECONDS))
    response = house.get(f"/api/v1/trace/{stored.upper()}")
    assert response.status_code == 200
    assert response.json() == document(answer)
    assert [row.name for row in answer.rows] == ["f1"]


def test_events_are_there_as_arrow(house, stored):
    """A map of texts: of what is none, its JSON."""
    response = house.get("/api/v1/events?stream=clicks&service=faces&format=arrow")
    table = pa.ipc.open_stream(response.content).read_all()
    events = [row["event"] for row in table.to_pylist(maps_as_pydicts="strict")]
    assert sorted(event["n"] for event in events) == ["1", "2"]
    assert {event.get("deep") for event in events} == {None, '{"x":[1.5,null]}'}


def test_a_record_is_the_same_over_grpc_and_rest(house, query, stored):
    row = house.get("/api/v1/logs?service=faces&limit=1").json()["rows"][0]
    document = asked(query, "log", record_id=row["id"])
    assert house.get(f"/api/v1/logs/{row['id']}").json() == document
    assert [{name: found[name] for name in row} for found in document["rows"]] == [row]
    with pytest.raises(grpc.RpcError) as refused:
        asked(query, "log", record_id="e" * 32)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_rest_answers_what_its_openapi_description_says(house, stored):
    """No field is missing from the description, and none is made up."""
    schemas = house.get("/openapi.json").json()["components"]["schemas"]
    for path, schema, row, model in (
        ("/api/v1/functions?service=faces", "FunctionsDocument", "FunctionRow", document_model(Functions)),
        (f"/api/v1/trace/{stored}", "TraceDocument", "SpanRow", document_model(Trace)),
    ):
        answer = house.get(path).json()
        model.model_validate_json(house.get(path).content, strict=True)
        assert set(answer) == set(schemas[schema]["properties"]) == set(schemas[schema]["required"])
        assert set(answer["rows"][0]) == set(schemas[row]["properties"])


def asked(query, question, **parameters):
    """The document that Ask streams."""
    first, *others = query.Ask(AskRequest(question=question, parameters=parameters), timeout=PATIENCE_SECONDS)
    return json.loads(first.document) | {"rows": [row for message in others for row in json.loads(message.rows)]}


def test_ask_streams_the_document_that_rest_answers(house, query, stored, monkeypatch):
    monkeypatch.setattr(query_grpc, "ROWS_PER_MESSAGE", 2)
    expected = house.get("/api/v1/functions?since=2026-01-05T10:00Z&until=2026-01-05T10:01:30Z&service=faces").json()
    assert len(expected["rows"]) == 3
    assert asked(query, "functions", service="faces", **WINDOW) == expected
    assert asked(query, "trace", trace_id=stored) == house.get(f"/api/v1/trace/{stored}").json()


@pytest.mark.parametrize(
    ("question", "parameters", "code", "details"),
    [
        ("wishes", {}, grpc.StatusCode.NOT_FOUND, "there is no question 'wishes': there are services, "),
        ("functions", {"sort": "p98"}, grpc.StatusCode.INVALID_ARGUMENT, "sort: 'p98' is not a column"),
        ("functions", {"srot": "p99"}, grpc.StatusCode.INVALID_ARGUMENT, "srot: no such parameter; there are "),
        ("trace", {"trace_id": "e" * 32}, grpc.StatusCode.NOT_FOUND, "no span of trace eeee"),
        ("trace", {}, grpc.StatusCode.INVALID_ARGUMENT, "trace_id: is missing"),
    ],
)
def test_ask_refuses_what_makes_no_sense(query, question, parameters, code, details):
    with pytest.raises(grpc.RpcError) as refused:
        asked(query, question, **parameters)
    assert refused.value.code() is code
    assert refused.value.details().startswith(details)


def test_a_parameter_is_given_once(house):
    response = house.get("/api/v1/functions?since=1h&since=2h")
    assert response.status_code == 400
    assert response.json()["error"] == {"parameter": "since", "message": "since: is given more than once"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("since", "yesterday"), ("until", "0"), ("service", "s" * 1025), ("sort", "p98"), ("limit", "10001")],
)
def test_both_refuse_a_bad_parameter_in_the_same_words(house, query, parameter, value):
    asked = FunctionsRequest(**{parameter: int(value) if parameter == "limit" else value})
    with pytest.raises(grpc.RpcError) as refused:
        query.Functions(asked, timeout=PATIENCE_SECONDS)
    response = house.get(f"/api/v1/functions?{parameter}={value}")
    assert (refused.value.code(), response.status_code) == (grpc.StatusCode.INVALID_ARGUMENT, 400)
    assert response.json() == {"error": {"parameter": parameter, "message": refused.value.details()}}
    assert refused.value.details().startswith(f"{parameter}: ")


@pytest.mark.parametrize("trace_id", ["xyz", "0" * 32, "f" * 31])
def test_both_refuse_a_bad_trace_id(house, query, trace_id):
    with pytest.raises(grpc.RpcError) as refused:
        query.Trace(TraceRequest(trace_id=trace_id), timeout=PATIENCE_SECONDS)
    response = house.get(f"/api/v1/trace/{trace_id}")
    assert (refused.value.code(), response.status_code) == (grpc.StatusCode.INVALID_ARGUMENT, 400)
    assert response.json() == {"error": {"parameter": "trace_id", "message": refused.value.details()}}


def test_both_say_when_a_trace_is_not_stored(house, query):
    with pytest.raises(grpc.RpcError) as refused:
        query.Trace(TraceRequest(trace_id="e" * 32), timeout=PATIENCE_SECONDS)
    response = house.get(f"/api/v1/trace/{'e' * 32}")
    assert (refused.value.code(), response.status_code) == (grpc.StatusCode.NOT_FOUND, 404)
    assert response.json() == {"error": {"parameter": "trace_id", "message": refused.value.details()}}


@pytest.mark.parametrize("path", ["/api/v1/functions?servcie=shop", f"/api/v1/trace/{'e' * 32}?servcie=shop"])
def test_rest_refuses_a_misspelt_parameter_rather_than_answer_another_question(house, path):
    response = house.get(path)
    assert response.status_code == 400
    assert response.json()["error"]["parameter"] == "servcie"


EVERY = [
    ("services", {}),
    ("functions", {"filter": "attr.none or status!=error"}),
    ("percentiles", {"group": "kind", "levels": "p50"}),
    ("aggregate", {"select": "count,sum(attr.n)", "group": "name", "step": "1m"}),
    ("series", {"step": "1m", "timezone": "Asia/Kolkata"}),
    ("trends", {"step": "1m", "level": "0.5"}),
    ("heatmap", {"scale": "3"}),
    ("histogram", {"exact": "true"}),
    ("slowest", {"limit": "2"}),
    ("errors", {}),
    ("attributes", {}),
    ("attribute_impact", {"slower_than": "p50"}),
    ("callers", {"name": "f1"}),
    ("callees", {"name": "f1"}),
    ("spans", {"limit": "2", "order": "oldest"}),
    ("metrics", {}),
    ("metric_percentiles", {"name": "took", "group": "attr.n,service", "step": "1m"}),
    ("aggregate", {"of": "events", "select": "count,sum(attr.n)", "group": "event,attr.n", "step": "1m"}),
    ("streams", {}),
    ("events", {"stream": "clicks", "limit": "1"}),
    ("event_schema", {"stream": "clicks"}),
    ("logs", {"level": "info", "text": "HELLO", "limit": "2"}),
    ("timeline", {"level": "warn", "step": "1m"}),
    ("rules", {"limit": "1"}),
    ("compare", {"baseline": "2026-01-05T09:00Z+1h", "candidate": "2026-01-05T10:00Z+1h"}),
]


def texts_of(question, parameters):
    """`parameters`, of the service that is stored, in its window, if the question can be told of such things."""
    known = {parameter.name for parameter in question.parameters()}
    return {name: text for name, text in ({"service": "faces"} | WINDOW).items() if name in known} | parameters


def test_every_question_is_tried_below():
    assert {name for name, _ in EVERY} | {"trace", "log"} == {question.name for question in QUESTIONS}


@pytest.mark.parametrize(("question", "parameters"), EVERY)
def test_every_question_is_the_same_over_grpc_and_rest_and_as_described(house, query, stored, question, parameters):
    """Asked twice, it is also the same answer, to the last digit."""
    (kind,) = (known for known in QUESTIONS if known.name == question)
    texts = texts_of(kind, parameters)
    document = asked(query, question, **texts)
    path = f"/api/v1/{question}?{urlencode(texts)}"
    assert house.get(path).json() == document == house.get(path).json()
    assert document["rows"] or question in {"rules", "errors", "compare", "callers", "callees"}
    document_model(kind).model_validate_json(house.get(path).content, strict=True)


@pytest.mark.parametrize(("question", "parameters"), EVERY)
def test_every_question_is_there_as_csv(house, stored, question, parameters):
    (kind,) = (known for known in QUESTIONS if known.name == question)
    texts = texts_of(kind, parameters)
    rows = house.get(f"/api/v1/{question}?{urlencode(texts)}").json()["rows"]
    response = house.get(f"/api/v1/{question}?{urlencode(texts)}&format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    header, *lines = csv.reader(io.StringIO(response.text))
    assert header == [field.name for field in fields(kind.row)]
    assert len(lines) == len(rows)
    for line, expected in zip(lines, rows, strict=True):
        for text, value in zip(line, expected.values(), strict=True):
            if isinstance(value, dict | list):
                assert json.loads(text) == value
            else:
                assert text == ("" if value is None else str(value))


class BrokenStore:
    """Fails as an engine does, which the real one cannot be made to do on demand."""

    async def fetch(self, sql, parameters):
        raise StoreUnavailable("answering a query: the disk is on fire")


@pytest.mark.parametrize(
    "path", [*(f"/api/v1/{name}?{urlencode(texts)}" for name, texts in EVERY), f"/api/v1/trace/{'e' * 32}"]
)
def test_rest_says_when_the_store_fails(path):
    app = FastAPI()
    app.include_router(query_router(Reader(BrokenStore()), None))
    response = asyncio.run(get(app, path))
    assert response.status_code == 503
    assert response.json() == {"error": {"parameter": None, "message": "answering a query: the disk is on fire"}}


def test_grpc_says_when_the_store_fails():
    async def ask():
        server = grpc.aio.server()
        add_query_service(server, Reader(BrokenStore()))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for call in (
                QueryStub(channel).Functions(FunctionsRequest(), timeout=PATIENCE_SECONDS),
                QueryStub(channel).Trace(TraceRequest(trace_id="e" * 32), timeout=PATIENCE_SECONDS),
                QueryStub(channel).Ask(AskRequest(question="series"), timeout=PATIENCE_SECONDS),
                QueryStub(channel).Delete(DeleteRequest(since="0"), timeout=PATIENCE_SECONDS),
            ):
                assert await call.code() is grpc.StatusCode.UNAVAILABLE
                assert await call.details() == "answering a query: the disk is on fire"
                assert STORE_FAILED in tuple(await call.trailing_metadata())
        await server.stop(None)

    asyncio.run(ask())


def test_the_service_is_named_as_clients_know_it():
    assert QUERY_SERVICE == "spanhouse.v1.Query"


def test_times_keep_their_nanoseconds_in_json():
    assert iso_time(MONDAY_10H) == "2026-01-05T10:00:00Z"
    assert iso_time(MONDAY_10H + 1) == "2026-01-05T10:00:00.000000001Z"
