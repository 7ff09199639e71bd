-- Cascades every insert into span_durations_1m on to span_durations_1h. Hours are UTC's, whatever zone the
-- process runs in: the query side takes whole hours from one table and the rest from the other.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_durations_1h_mv TO span_durations_1h AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfHour(span_durations_1m.Time, 'UTC') AS Time,
    Bucket,
    sum(Calls) AS Calls,
    sum(DurationSum) AS DurationSum
FROM span_durations_1m
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket
