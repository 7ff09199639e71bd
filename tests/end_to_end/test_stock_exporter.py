"""Interoperation: OpenTelemetry's own SDK and OTLP/gRPC exporter deliver here unchanged."""

import pytest
from harness import PATIENCE_SECONDS, ServerProcess, stored_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """(the SDK's own spans by name, the stored rows by name, the server's answer while it ran)."""
    directory = tmp_path_factory.mktemp("stock") / "data"
    with ServerProcess(directory) as server:
        provider = TracerProvider(resource=Resource({"service.name": "stock", "host.name": "here"}))
        exporter = OTLPSpanExporter(endpoint=f"http://{server.grpc}", insecure=True, timeout=PATIENCE_SECONDS)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("stock.scope", "1.2.3")
        elsewhere = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("k", "v")]))
        made = {}
        with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
            made["parent"] = parent
            with tracer.start_as_current_span(
                "child", kind=SpanKind.CLIENT, links=[Link(elsewhere, {"why": "x"})]
            ) as c:
                made["child"] = c
                c.set_attributes({"text": "x", "flag": False, "number": 0, "ratio": 0.5, "list": ["a", "b"]})
                c.add_event("happened", {"at": 3}, timestamp=1_700_000_000_123_456_789)
            for index in range(700):  # more than one batch
                with tracer.start_as_current_span(f"many-{index}", kind=SpanKind.PRODUCER):
                    pass
            try:
                with tracer.start_as_current_span("broken") as broken:
                    made["broken"] = broken
                    raise ValueError("boom")
            except ValueError:
                pass
            with tracer.start_as_current_span("fine", kind=SpanKind.CONSUMER) as fine:
                made["fine"] = fine
                fine.set_status(Status(StatusCode.OK))
        provider.shutdown()
        answer = server.get("/api/v1/functions", service="stock", limit="1000").json()
        assert server.stop() == 0
    return made, {row["SpanName"]: row for row in stored_spans(directory)}, answer


def test_every_span_is_stored(story):
    _, rows, answer = story
    assert len(rows) == 704
    assert sum(row["calls"] for row in answer["rows"]) == 704


@pytest.mark.parametrize("name", ["parent", "child", "broken", "fine"])
def test_ids_and_times_are_those_of_the_sdk(story, name):
    made, rows, _ = story
    span, row = made[name], rows[name]
    assert row["TraceId"] == f"{span.context.trace_id:032x}"
    assert row["SpanId"] == f"{span.context.span_id:016x}"
    assert row["ParentSpanId"] == (f"{span.parent.span_id:016x}" if span.parent else "")
    assert row["Duration"] == span.end_time - span.start_time
    assert row["ServiceName"] == "stock"
    assert row["ResourceAttributes"]["host.name"] == "here"
    assert (row["ScopeName"], row["ScopeVersion"]) == ("stock.scope", "1.2.3")


def test_kinds_and_statuses_are_spelled_as_dashboards_expect(story):
    _, rows, _ = story
    kinds = {name: rows[name]["SpanKind"] for name in ("parent", "child", "broken", "fine", "many-0")}
    assert kinds == {
        "parent": "Server",
        "child": "Client",
        "broken": "Internal",
        "fine": "Consumer",
        "many-0": "Producer",
    }
    assert {name: rows[name]["StatusCode"] for name in ("child", "broken", "fine")} == {
        "child": "Unset",
        "broken": "Error",
        "fine": "Ok",
    }
    assert rows["broken"]["StatusMessage"] == "ValueError: boom"


def test_attributes_events_and_links_arrive(story):
    _, rows, _ = story
    child = rows["child"]
    expected = {"text": "x", "flag": "false", "number": "0", "ratio": "0.5", "list": '["a","b"]'}
    assert child["SpanAttributes"] == expected
    assert child["Events.Name"] == ["happened"]
    assert child["Events.Attributes"] == [{"at": "3"}]
    assert child["Links.TraceId"] == [f"{7:032x}"]
    assert child["Links.SpanId"] == [f"{8:016x}"]
    assert child["Links.Attributes"] == [{"why": "x"}]
    assert rows["broken"]["Events.Name"] == ["exception"]
    assert rows["broken"]["Events.Attributes"][0]["exception.type"] == "ValueError"
