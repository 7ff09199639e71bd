"""Other libraries' instrumentation on our provider, beneath captured functions: databases and logs."""

import logging

import pytest
from opentelemetry import trace

import spanhouse
from spanhouse.testing import captured_spans


@pytest.fixture
def spans():
    with captured_spans() as captured:
        yield captured


@pytest.fixture
def provider(spans):
    """A provider as an application would hand it to an instrumentation, its spans beside the captured ones."""
    made = spanhouse.TracerProvider(export=False, shutdown_on_exit=False)
    made.add_span_processor(spans)
    yield made
    made.shutdown()


def test_sqlalchemy(spans, provider):
    """Each statement is a CLIENT span under the function that ran it, a failed one with its error."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://")
    instrumentor = instrumentation.SQLAlchemyInstrumentor()
    instrumentor.instrument(engine=engine, tracer_provider=provider)
    if not instrumentor.is_instrumented_by_opentelemetry:
        pytest.skip(f"the instrumentation does not know SQLAlchemy {sqlalchemy.__version__}")

    @spanhouse.capture
    def count(table):
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(f"select count(*) from {table}")).scalar()

    @spanhouse.capture
    def report():
        return count("sqlite_master")

    try:
        assert report() == 0
        with pytest.raises(sqlalchemy.exc.OperationalError):
            count("nowhere")
    finally:
        instrumentor.uninstrument()
        engine.dispose()
    (whole,) = spans.named("report")
    counted, failed = spans.named("count")
    assert counted.parent.span_id == whole.context.span_id
    statements = [span for span in spans.children_of(counted) if span.name.lower().startswith("select")]
    assert [span.kind for span in statements] == [trace.SpanKind.CLIENT]
    assert "sqlite_master" in str(dict(statements[0].attributes))
    assert {span.context.trace_id for span in spans.children_of(counted)} == {whole.context.trace_id}
    (refused,) = [span for span in spans.children_of(failed) if span.name.lower().startswith("select")]
    assert refused.status.status_code is failed.status.status_code is trace.StatusCode.ERROR
    assert failed.attributes["error.type"] == "sqlalchemy.exc.OperationalError"


def test_logging(spans, provider, caplog):
    """Log records made inside a captured function carry its ids, and the service's name; outside they carry none."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.logging")
    hooked = []
    instrumentor = instrumentation.LoggingInstrumentor()
    instrumentor.instrument(
        tracer_provider=provider,
        inject_trace_context=True,
        enable_log_auto_instrumentation=False,
        log_hook=lambda span, record: hooked.append((span.is_recording(), record.getMessage())),
    )

    @spanhouse.capture
    def work():
        logging.getLogger("shop").warning("inside")
        return trace.get_current_span().get_span_context()

    try:
        own = work()
        logging.getLogger("shop").warning("outside")
    finally:
        instrumentor.uninstrument()
    inside, outside = (record for record in caplog.records if record.name == "shop")
    if not hasattr(inside, "otelTraceID"):
        pytest.skip("this version of the instrumentation writes ids only together with a format of its own")
    assert (inside.otelTraceID, inside.otelSpanID) == (f"{own.trace_id:032x}", f"{own.span_id:016x}")
    assert inside.otelTraceSampled
    assert inside.otelServiceName == provider.resource.attributes["service.name"]
    assert (outside.otelTraceID, outside.otelSpanID) == ("0", "0")
    assert hooked == [(True, "inside")]
