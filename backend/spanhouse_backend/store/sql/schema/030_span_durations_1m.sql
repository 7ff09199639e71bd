-- The latency histogram itself: how many calls of one function ended in one duration bucket in one minute.
-- Bucket is OpenTelemetry's exponential-histogram index at scale 6 (base 2^(1/64), upper-inclusive), so that a
-- bucket's geometric midpoint 2^((Bucket + 0.5) / 64) is within 0.55% of every duration in it; a duration of
-- zero has the bucket -32768. Rows merge by addition: a percentile is quantilesExactWeighted(Bucket, Calls).
CREATE TABLE IF NOT EXISTS span_durations_1m
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    Bucket Int16 CODEC(Delta, ZSTD(1)),
    Calls UInt64 CODEC(T64, ZSTD(1)),
    DurationSum UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree((Calls, DurationSum))
PARTITION BY toDate(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
