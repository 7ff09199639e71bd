-- In which seconds a trace's spans began and ended, if any are stored.
SELECT count() AS known, toUnixTimestamp(min(Start)) AS first, toUnixTimestamp(max(End)) AS last
FROM otel_traces_trace_id_ts
WHERE TraceId = {trace_id:String}
