-- Who made the calls that are looked up: a row a function, and one of each for those calls that have no parent ('root') and
-- those whose parent is not stored ('orphan'). The callers are found in one pass over the ids of the spans of those seconds,
-- and are then no more than the calls. ANY: a parent that is stored twice is one parent.
SELECT
    multiIf(called.ParentSpanId = '', 'root', caller.SpanId = '', 'orphan', '') AS without,
    caller.ServiceName AS service,
    caller.SpanName AS name,
    count() AS calls,
    countIf(called.StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
    sum(called.Duration AS Bucket) AS total_ns,
    {levels:Fragment} AS levels
FROM ({called:Fragment}) AS called
ANY LEFT JOIN
(
    SELECT TraceId, SpanId, ServiceName, SpanName
    FROM otel_traces
    WHERE Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32}, 9)
        -- Alone it finds nearly all that is to be found, and the longer ids are then read of few functions only.
        AND SpanId IN (SELECT ParentSpanId FROM ({called:Fragment}) WHERE ParentSpanId != '')
        AND (TraceId, SpanId) IN (SELECT TraceId, ParentSpanId FROM ({called:Fragment}))
) AS caller ON caller.TraceId = called.TraceId AND caller.SpanId = called.ParentSpanId
GROUP BY without, service, name
ORDER BY without DESC, total_ns DESC, service, name
-- What is no caller comes first, and is not counted.
LIMIT {limit:UInt32} + 2
