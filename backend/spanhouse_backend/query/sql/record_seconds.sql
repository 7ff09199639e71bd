-- How many log records there are, and in which seconds the first and the last were made. Read off the table's parts, not
-- off its rows.
SELECT count() AS records, toUnixTimestamp(min(TimestampTime)) AS first, toUnixTimestamp(max(TimestampTime)) AS last
FROM otel_logs
