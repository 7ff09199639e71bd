-- The log records between two times that are known to be close together, in order; `copy` counts those that are the same
-- in everything.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time_unix_ns,
    {hash:Fragment} AS hash,
    row_number() OVER (PARTITION BY time_unix_ns, hash) AS copy,
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
WHERE {within:Fragment} AND {filter:Fragment} AND {after:Fragment}
ORDER BY time_unix_ns {direction:Fragment}, hash {direction:Fragment}, copy
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
