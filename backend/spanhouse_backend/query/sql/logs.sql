-- The log records of one trace in order of time. Where the trace's spans are stored, so is the second that it began and
-- ended in: records an hour around that are looked at, since clocks differ and some are written late.
WITH
    (
        SELECT (count(), min(Start), max(End))
        FROM otel_traces_trace_id_ts
        WHERE TraceId = {trace_id:String}
    ) AS bounds
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time_unix_ns,
    SeverityText AS severity,
    SeverityNumber AS severity_number,
    ServiceName AS service,
    Body AS body,
    EventName AS event,
    ScopeName AS scope,
    TraceId AS trace_id,
    SpanId AS span_id,
    LogAttributes AS attributes
FROM otel_logs
WHERE TraceId = {trace_id:String}
    AND (bounds.1 = 0 OR (TimestampTime >= bounds.2 - 3600 AND TimestampTime <= bounds.3 + 3600))
ORDER BY Timestamp, SpanId, Body
LIMIT {limit:UInt32}
