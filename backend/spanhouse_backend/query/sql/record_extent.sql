-- When the first and the last of the log records of a window were made that match.
SELECT
    count() AS records,
    toUnixTimestamp64Nano(min(Timestamp)) AS first,
    toUnixTimestamp64Nano(max(Timestamp)) AS last
FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
