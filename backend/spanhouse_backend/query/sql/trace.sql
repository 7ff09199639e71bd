-- The spans of one trace in order of start. otel_traces is ordered by function, not by trace, so the index table
-- says first which seconds, and so which days and granules, the trace can be in.
WITH
    (
        SELECT (min(Start), max(End))
        FROM otel_traces_trace_id_ts
        WHERE TraceId = {trace_id:String}
    ) AS bounds
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
    SpanAttributes AS attributes
FROM otel_traces
WHERE TraceId = {trace_id:String}
    -- The index table keeps whole seconds. Both bounds have the column's own precision: compared with a DateTime,
    -- `<` makes the engine skip the last second's granules (it takes the last whole second for the largest value).
    AND Timestamp >= toDateTime64(bounds.1, 9)
    AND Timestamp < toDateTime64(bounds.2 + 1, 9)
-- A parent may start in the same nanosecond as its child, and is the longer of the two.
ORDER BY Timestamp, Duration DESC, SpanId
LIMIT {limit:UInt32}
