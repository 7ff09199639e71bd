-- Which seconds the traces of the calls that are looked up were in: a caller may have begun before the window, and a
-- callee may begin after it.
SELECT toUnixTimestamp(min(Start)) AS first, toUnixTimestamp(max(End)) + 1 AS last
FROM otel_traces_trace_id_ts
WHERE TraceId IN (SELECT TraceId FROM ({called:Fragment}))
