-- Cascades every insert into span_durations_1m on to span_durations_1h.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_durations_1h_mv TO span_durations_1h AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfHour(span_durations_1m.Time) AS Time,
    Bucket,
    sum(Calls) AS Calls,
    sum(DurationSum) AS DurationSum
FROM span_durations_1m
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket
