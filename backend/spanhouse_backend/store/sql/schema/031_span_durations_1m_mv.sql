-- Fills span_durations_1m. The bucket formula is the OpenTelemetry metrics data model's mapping at scale 6:
-- ceil(log2(nanoseconds) * 64) - 1.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_durations_1m_mv TO span_durations_1m AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfMinute(Timestamp) AS Time,
    if(Duration = 0, -32768, toInt16(ceil(log2(Duration) * 64) - 1)) AS Bucket,
    count() AS Calls,
    sum(Duration) AS DurationSum
FROM otel_traces
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket
