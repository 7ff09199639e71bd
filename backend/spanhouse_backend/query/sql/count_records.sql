-- How many log records of a window match.
SELECT count() AS records
FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
