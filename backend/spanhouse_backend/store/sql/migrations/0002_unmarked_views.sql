-- The views and pass-through tables of version 1 carry no mark to tell whether they are current, so they go, whatever
-- they are called today; the current ones come afterwards, marked. They hold nothing.
DROP TABLE IF EXISTS
    otlp_spans_mv,
    otel_traces_mv,
    spanhouse_rejected_mv,
    otel_traces_trace_id_ts_mv,
    span_durations_1m_mv,
    span_stats_1m_mv,
    span_durations_1h_mv,
    span_stats_1h_mv,
    otlp_spans,
    otlp_traces_landing
SYNC
