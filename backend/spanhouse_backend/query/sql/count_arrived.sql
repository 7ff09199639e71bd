-- How many spans arrived that match.
SELECT count() AS spans
FROM otel_traces
WHERE {filter:Fragment} AND {arrived:Fragment}
