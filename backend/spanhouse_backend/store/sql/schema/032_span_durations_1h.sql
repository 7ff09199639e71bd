-- The latency histogram itself: how many calls of one function ended in one duration bucket in one hour.
-- The same rows as span_durations_1m, added up by hour, for windows of days and weeks.
CREATE TABLE IF NOT EXISTS span_durations_1h
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
PARTITION BY toYYYYMM(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
