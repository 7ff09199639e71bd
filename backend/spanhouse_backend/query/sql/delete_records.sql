-- Deletes log records of a window. Lightweight: rows are marked, and go when their parts merge.
DELETE FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
