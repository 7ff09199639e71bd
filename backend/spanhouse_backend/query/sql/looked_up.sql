-- The calls of [from_ns, to_ns) whose callers or callees are looked up: all that the filter describes, or every
-- one_in-th. Which ones is told by a hash of their ids, so whoever asks again sees the same calls.
SELECT TraceId, SpanId, ParentSpanId, Duration, StatusCode
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment} AND cityHash64(TraceId, SpanId) % {one_in:UInt64} = 0
