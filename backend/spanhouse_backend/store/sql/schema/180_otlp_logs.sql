-- Log records on their way from the landing table, one row each, in the columns of otel_logs: from here good ones go to
-- otel_logs and others to spanhouse_rejected. Engine Null: nothing is kept here. The columns after those of otel_logs
-- say which request a record came with, its times as sent, and why it is refused ('' when it is not).
CREATE TABLE IF NOT EXISTS otlp_logs
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    TraceFlags UInt8,
    SeverityText LowCardinality(String),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String),
    Body String,
    ResourceSchemaUrl LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeSchemaUrl LowCardinality(String),
    ScopeName String,
    ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String),
    EventName String,
    Batch String,
    UnixNano UInt64,
    ObservedUnixNano UInt64,
    Rejected LowCardinality(String)
)
ENGINE = Null
