-- The spans of [from_ns, to_ns) in the shape of rollup_calls.sql: each is a call, and its duration a bucket of its own.
-- The bounds have the column's own precision: compared with a DateTime, `<` makes the engine skip the last second's
-- granules.
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    Timestamp AS Time,
    Duration AS Bucket,
    toUInt64(1) AS Calls,
    Duration AS DurationSum,
    TraceId{groups:Fragment}
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment}
