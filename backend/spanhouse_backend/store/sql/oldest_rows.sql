-- The second of each table's oldest row, 0 when it has none. The engine knows the extremes of the columns that partitions
-- are made by, without reading a row.
SELECT 'otel_traces' AS name, toInt64(toUnixTimestamp(min(Timestamp))) AS oldest FROM otel_traces
UNION ALL
SELECT 'otel_traces_trace_id_ts', toInt64(toUnixTimestamp(min(Start))) FROM otel_traces_trace_id_ts
UNION ALL
SELECT 'span_durations_1m', toInt64(toUnixTimestamp(min(Time))) FROM span_durations_1m
UNION ALL
SELECT 'span_stats_1m', toInt64(toUnixTimestamp(min(Time))) FROM span_stats_1m
UNION ALL
SELECT 'span_durations_1h', toInt64(toUnixTimestamp(min(Time))) FROM span_durations_1h
UNION ALL
SELECT 'span_stats_1h', toInt64(toUnixTimestamp(min(Time))) FROM span_stats_1h
UNION ALL
SELECT 'otel_logs', toInt64(toUnixTimestamp(min(TimestampTime))) FROM otel_logs
UNION ALL
SELECT 'otel_metrics_gauge', toInt64(toUnixTimestamp(min(TimeUnix))) FROM otel_metrics_gauge
UNION ALL
SELECT 'otel_metrics_sum', toInt64(toUnixTimestamp(min(TimeUnix))) FROM otel_metrics_sum
UNION ALL
SELECT 'otel_metrics_histogram', toInt64(toUnixTimestamp(min(TimeUnix))) FROM otel_metrics_histogram
UNION ALL
SELECT 'otel_metrics_exp_histogram', toInt64(toUnixTimestamp(min(TimeUnix))) FROM otel_metrics_exp_histogram
UNION ALL
SELECT 'otel_metrics_summary', toInt64(toUnixTimestamp(min(TimeUnix))) FROM otel_metrics_summary
UNION ALL
SELECT 'spanhouse_rejected', toInt64(toUnixTimestamp(min(Time))) FROM spanhouse_rejected
