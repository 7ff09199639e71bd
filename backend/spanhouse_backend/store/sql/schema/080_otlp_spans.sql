-- Spans on their way from the landing table, one row each, in the columns of otel_traces: from here good ones go to
-- otel_traces and others to spanhouse_rejected. Engine Null: nothing is kept here. The three columns after those of
-- otel_traces say which request a span came with, its times as sent, and why it is refused ('' when it is not).
CREATE TABLE IF NOT EXISTS otlp_spans
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    ParentSpanId String,
    TraceState String,
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeName String,
    ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String),
    Duration UInt64,
    StatusCode LowCardinality(String),
    StatusMessage String,
    Events Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ),
    Links Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ),
    Batch String,
    StartUnixNano UInt64,
    EndUnixNano UInt64,
    Rejected LowCardinality(String)
)
ENGINE = Null
