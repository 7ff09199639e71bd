-- What the calls that are looked up called: a row a function, found in one pass over the ids of the spans of those seconds.
SELECT
    '' AS without,
    ServiceName AS service,
    SpanName AS name,
    count() AS calls,
    countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
    sum(Duration AS Bucket) AS total_ns,
    {levels:Fragment} AS levels
FROM otel_traces
WHERE Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32}, 9)
    -- Alone it finds nearly all that is to be found, and the longer ids are then read of few functions only.
    AND ParentSpanId IN (SELECT SpanId FROM ({called:Fragment}))
    AND (TraceId, ParentSpanId) IN (SELECT TraceId, SpanId FROM ({called:Fragment}))
GROUP BY service, name
ORDER BY total_ns DESC, service, name
LIMIT {limit:UInt32}
