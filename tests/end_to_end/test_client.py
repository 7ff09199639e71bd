"""`spanhouse.Client` against the real server: every question, raw SQL, errors, tokens and TLS."""

import asyncio
import dataclasses
import inspect
import time
import typing

import pytest
from data_points import Stream, body, explicit, exponential
from harness import EXPORT_LOGS, EXPORT_METRICS
from log_records import Made, records
from otlp_requests import log_request, request

import spanhouse
from spanhouse.query import Answer, InvalidQuestion, NotFound
from spanhouse.query import rows as client_rows
from spanhouse.query.questions import AsyncQuestions, Questions
from spanhouse_backend.query.questions import ADMIN_QUESTIONS, QUESTIONS

pytestmark = pytest.mark.over_both_stores

MINUTE_NS = 60_000_000_000
# Two hours ago, in whole minutes; spans of last year would have expired.
START_NS = (time.time_ns() // MINUTE_NS - 120) * MINUTE_NS
HERE = f"{START_NS}+2m"
WINDOW = {"since": HERE, "service": "client"}


@pytest.fixture(scope="module")
def trace_id(shared_server):
    """Three functions of the service `client`, in both windows that are compared, and log records of theirs."""
    messages = [request("client", range(1000, 9000, 70), name=f"f{n}", start_ns=START_NS) for n in range(3)]
    messages.append(request("client", range(1000, 9000, 70), name="f0", start_ns=START_NS - 60 * MINUTE_NS))
    shared_server.export(*(message.SerializeToString() for message in messages))
    took = Stream("took", "client")
    took.explicit.append(explicit([0.2, 99.0], START_NS, START_NS, extremes=False))
    took.exponential.append(exponential([0.2, 0.4], START_NS, START_NS))
    shared_server.export(body(took), method=EXPORT_METRICS)
    clicks = records("client", [Made(START_NS, '{"n":1,"deep":[{"x":null}]}', event="clicks", attributes={"n": "1"})])
    shared_server.export(clicks.SerializeToString(), method=EXPORT_LOGS)
    logged = log_request("client", ["one", "two", "three"], time_ns=START_NS)
    shared_server.export(logged.SerializeToString(), method=EXPORT_LOGS)
    return messages[0].resource_spans[0].scope_spans[0].spans[0].trace_id.hex()


@pytest.fixture
def client(shared_server, trace_id):
    with spanhouse.Client(f"http://{shared_server.http}") as client:
        yield client


def arguments(name, trace_id):
    """What each question is asked with."""
    windows = {
        "baseline": f"{(START_NS - 60 * MINUTE_NS)}..{START_NS - 58 * MINUTE_NS}",
        "candidate": f"{START_NS}..{START_NS + 2 * MINUTE_NS}",
        "service": "client",
    }
    named = WINDOW | {"name": "f0"}
    special = {"trace": {"trace_id": trace_id}, "compare": windows, "callers": named, "callees": named, "rules": {}}
    special |= dict.fromkeys(("events", "event_schema"), WINDOW | {"stream": "clicks"})
    special["metric_percentiles"] = WINDOW | {"name": "took"}
    return special.get(name, WINDOW | ({"step": "1m"} if name in ("series", "heatmap", "timeline") else {}))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_question_gives_what_rest_gives(shared_server, client, trace_id, question):
    """The same rows, in the client's own types, whatever their values: no field is lost, none is made up."""
    given = arguments(question.name, trace_id)
    path = f"/api/v1/{question.name}"
    if question.name == "trace":
        path += f"/{trace_id}"
    elif question.name == "log":
        given = {"record_id": client.logs(**WINDOW).rows[0].id}
        path = f"/api/v1/logs/{given['record_id']}"
    answer = getattr(client, question.name)(**given)
    document = shared_server.get(path, **({} if question.name in {"trace", "log"} else given)).json()
    none = ("errors", "attributes", "attribute_impact", "callers", "callees", "rules")
    assert answer.rows or question.name in none
    assert json_of([dataclasses.asdict(row) for row in answer.rows]) == document["rows"]
    assert (answer.source, answer.accuracy) == (document["source"], document["accuracy"])
    for name in document.keys() - {"from", "to", "rows"}:
        assert json_of(getattr(answer, name)) == document[name]


def json_of(value):
    """Tuples as JSON has them."""
    if isinstance(value, dict):
        return {name: json_of(part) for name, part in value.items()}
    return [json_of(part) for part in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("question", [*QUESTIONS, *ADMIN_QUESTIONS], ids=lambda question: question.name)
def test_the_clients_rows_and_methods_are_the_servers(question):
    """Names and types of every field, and names of every parameter, in both clients."""
    row, answer = getattr(client_rows, question.row.__name__), question.answer_type
    assert described(row) == described(question.row)
    known = Answer if answer.__name__ == "Answer" else getattr(client_rows, answer.__name__)
    assert {field.name for field in dataclasses.fields(known)} == {field.name for field in dataclasses.fields(answer)}
    for methods in (Questions, AsyncQuestions):
        parameters = inspect.signature(getattr(methods, question.name)).parameters
        assert parameters.keys() - {"self", "timeout"} == {known.name for known in question.parameters()}


def described(kind):
    """A dataclass's fields with their types, those of other dataclasses taken apart."""
    hints = typing.get_type_hints(kind)
    return {field.name: named(hints[field.name]) for field in dataclasses.fields(kind)}


def named(hint):
    if dataclasses.is_dataclass(hint):
        return described(hint)
    arguments = typing.get_args(hint)
    return (typing.get_origin(hint), *map(named, arguments)) if arguments else hint


def test_the_async_client_asks_the_same(shared_server, client, trace_id):
    """Several at once, over as many connections."""

    async def ask():
        async with spanhouse.AsyncClient(f"http://{shared_server.http}") as both:
            answers = await asyncio.gather(*(both.functions(**WINDOW) for _ in range(12)), both.trace(trace_id))
            return answers, [row.span_id async for row in both.each_span(**WINDOW, limit=50)]

    answers, ids = asyncio.run(ask())
    assert all(answer == client.functions(**WINDOW) for answer in answers[:12])
    assert answers[12] == client.trace(trace_id)
    assert len(set(ids)) == len(ids) == sum(row.calls for row in answers[0].rows)
    assert ids == [row.span_id for row in client.each_span(**WINDOW, limit=7)]


def test_sql_is_asked_with_parameters(client):
    answer = client.sql(
        "SELECT SpanName, count() AS calls FROM otel_traces WHERE ServiceName = {service:String} "
        "AND SpanName = {name:String} GROUP BY SpanName",
        {"service": "client", "name": "f1"},
    )
    assert (answer.columns, answer.rows) == (("SpanName", "calls"), (("f1", 115),))
    assert answer.types == ("LowCardinality(String)", "UInt64")


def test_refusals_name_the_parameter(client):
    with pytest.raises(InvalidQuestion, match="since: 'yesterday' is not a time") as refused:
        client.functions(since="yesterday")
    assert (refused.value.parameter, refused.value.column) == ("since", None)
    with pytest.raises(InvalidQuestion) as refused:
        client.functions(filter="colour=red")
    assert (refused.value.parameter, refused.value.column) == ("filter", 1)
    with pytest.raises(NotFound, match="no span of trace"):
        client.trace("e" * 32)


def test_rows_become_a_dataframe(client):
    frame = client.percentiles(**WINDOW, group=["name"], levels=["p50"]).to_pandas()
    assert sorted(frame["group.name"]) == ["f0", "f1", "f2"]
    assert frame["percentiles_ns.p50"].dtype == "int64"


def test_spans_are_deleted(client, shared_server):
    """And counted; the answer of who asks afterwards has none of them."""
    shared_server.export(request("doomed", [5, 6], name="f", start_ns=START_NS).SerializeToString())
    assert client.delete(HERE, service="doomed").deleted == 2
    assert client.spans(since=HERE, service="doomed").rows == ()


def test_records_are_read_page_by_page_and_deleted(client, shared_server):
    """Every one once, however small the pages; and when they are deleted, none."""
    bodies = [f"record {number}" for number in range(7)]
    shared_server.export(log_request("doomed", bodies, time_ns=START_NS).SerializeToString(), method=EXPORT_LOGS)
    found = list(client.each_log(since=HERE, service="doomed", order="oldest", limit=2))
    assert [row.body for row in found] == bodies
    assert client.log(found[3].id).rows[0].body == bodies[3]
    assert client.timeline(since=HERE, service="doomed").records == 7
    assert client.delete_logs(HERE, service="doomed", filter="body~'[0-4]'").deleted == 5
    assert [row.body for row in client.logs(since=HERE, service="doomed", order="oldest").rows] == bodies[5:]
    with pytest.raises(NotFound, match="no log record"):
        client.log(found[3].id)
