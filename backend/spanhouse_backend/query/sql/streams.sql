-- Which streams of events there are: the names of log records that have one, those with the most events first.
SELECT
    EventName AS name,
    count() AS count,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns,
    arraySort(groupUniqArray(toString(ServiceName))) AS services
FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
GROUP BY name
ORDER BY count DESC, name
LIMIT {limit:UInt32}
