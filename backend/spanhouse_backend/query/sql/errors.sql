-- The errors of [from_ns, to_ns) by function and type. The latest one stands for the others of its kind.
SELECT
    ServiceName AS service,
    SpanName AS name,
    {type:Fragment} AS type,
    count() AS calls,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns,
    max((Timestamp, SpanId, said, TraceId)).3 AS message,
    max((Timestamp, SpanId, said, TraceId)).4 AS trace_id
FROM
(
    SELECT
        ServiceName,
        SpanName,
        SpanAttributes,
        Events.Attributes,
        Timestamp,
        SpanId,
        TraceId,
        arrayFirst(text -> text != '', arrayMap(event -> event['exception.message'], Events.Attributes)) AS thrown,
        if(thrown != '', thrown, StatusMessage) AS said
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND StatusCode IN ('Error', 'STATUS_CODE_ERROR') AND {filter:Fragment}
)
GROUP BY service, name, type
ORDER BY calls DESC, service, name, type
LIMIT {limit:UInt32}
