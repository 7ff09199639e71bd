-- The inverse of write_parquet.sql, in the order of the file: rows of otel_traces as GET /api/v1/spans gives them. Types
-- are said, because whoever wrote the file may have had others: LowCardinality, or times in another zone.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    ServiceName AS service,
    SpanName AS name,
    SpanKind AS kind,
    toUnixTimestamp64Nano(Timestamp) AS start_unix_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message,
    ScopeName AS scope,
    ScopeVersion AS scope_version,
    TraceState AS trace_state,
    SpanAttributes AS attributes,
    ResourceAttributes AS resource,
    arrayMap(
        (name, time, attributes) -> CAST(
            (name, toUnixTimestamp64Nano(time), attributes),
            'Tuple(name String, time_unix_ns Int64, attributes Map(String, String))'
        ),
        `Events.Name`, `Events.Timestamp`, `Events.Attributes`
    ) AS events,
    arrayMap(
        (trace, span, state, attributes) -> CAST(
            (trace, span, state, attributes),
            'Tuple(trace_id String, span_id String, trace_state String, attributes Map(String, String))'
        ),
        `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`
    ) AS links
FROM file('/dev/stdin', 'Parquet', $$
    Timestamp DateTime64(9, 'UTC'), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName String, SpanKind String, ServiceName String, ResourceAttributes Map(String, String), ScopeName String,
    ScopeVersion String, SpanAttributes Map(String, String), Duration UInt64, StatusCode String, StatusMessage String,
    `Events.Timestamp` Array(DateTime64(9, 'UTC')), `Events.Name` Array(String),
    `Events.Attributes` Array(Map(String, String)),
    `Links.TraceId` Array(String), `Links.SpanId` Array(String), `Links.TraceState` Array(String),
    `Links.Attributes` Array(Map(String, String))
$$)
SETTINGS output_format_json_quote_64bit_integers = 0, max_threads = 1, input_format_parquet_preserve_order = 1
