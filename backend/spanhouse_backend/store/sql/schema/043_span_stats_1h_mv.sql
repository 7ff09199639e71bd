-- Cascades every insert into span_stats_1m on to span_stats_1h. Hours are UTC's, whatever zone the
-- process runs in: the query side takes whole hours from one table and the rest from the other.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_stats_1h_mv TO span_stats_1h AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfHour(span_stats_1m.Time, 'UTC') AS Time,
    min(DurationMin) AS DurationMin,
    max(DurationMax) AS DurationMax,
    sum(DurationSquares) AS DurationSquares,
    max(Slowest) AS Slowest
FROM span_stats_1m
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time
