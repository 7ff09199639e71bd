-- Fills span_stats_1m.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_stats_1m_mv TO span_stats_1m AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfMinute(Timestamp) AS Time,
    min(Duration) AS DurationMin,
    max(Duration) AS DurationMax,
    sum(toFloat64(Duration) * Duration) AS DurationSquares,
    max((Duration, TraceId)) AS Slowest
FROM otel_traces
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time
