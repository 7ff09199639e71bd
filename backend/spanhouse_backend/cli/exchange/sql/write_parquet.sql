-- Spans as GET /api/v1/spans gives them, one JSON object a line, to a Parquet file with the columns of otel_traces, so
-- that whatever reads that table reads the file. Rows are read and written block by block.
INSERT INTO FUNCTION file('/dev/stdout', 'Parquet')
SELECT
    fromUnixTimestamp64Nano(start_unix_ns, 'UTC') AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    kind AS SpanKind,
    service AS ServiceName,
    resource AS ResourceAttributes,
    scope AS ScopeName,
    scope_version AS ScopeVersion,
    attributes AS SpanAttributes,
    duration_ns AS Duration,
    status AS StatusCode,
    status_message AS StatusMessage,
    arrayMap(event -> fromUnixTimestamp64Nano(event.time_unix_ns, 'UTC'), events) AS `Events.Timestamp`,
    arrayMap(event -> event.name, events) AS `Events.Name`,
    arrayMap(event -> event.attributes, events) AS `Events.Attributes`,
    arrayMap(link -> link.trace_id, links) AS `Links.TraceId`,
    arrayMap(link -> link.span_id, links) AS `Links.SpanId`,
    arrayMap(link -> link.trace_state, links) AS `Links.TraceState`,
    arrayMap(link -> link.attributes, links) AS `Links.Attributes`
FROM file('/dev/stdin', 'JSONEachRow', $$
    trace_id String, span_id String, parent_span_id String, service String, name String, kind String,
    start_unix_ns Int64, duration_ns UInt64, status String, status_message String, scope String, scope_version String,
    trace_state String, attributes Map(String, String), resource Map(String, String),
    events Array(Tuple(name String, time_unix_ns Int64, attributes Map(String, String))),
    links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Map(String, String)))
$$)
SETTINGS engine_file_truncate_on_insert = 1, input_format_parallel_parsing = 0, max_threads = 1
