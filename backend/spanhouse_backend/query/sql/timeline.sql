-- How many log records of a window match, by step and by severity number.
SELECT {step:Fragment} AS step, SeverityNumber AS severity_number, count() AS records
FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
GROUP BY step, severity_number
