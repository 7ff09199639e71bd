-- The services, the one whose calls took the most time first.
SELECT
    ServiceName AS service,
    uniqExact(SpanName) AS functions,
    sum(Calls) AS calls,
    sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors,
    sum(DurationSum) AS total_ns,
    total_ns / calls AS mean_ns
FROM ({calls:Fragment})
GROUP BY ServiceName
ORDER BY total_ns DESC, service
LIMIT {limit:UInt32}
