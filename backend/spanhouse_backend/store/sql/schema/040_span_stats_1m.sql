-- What duration buckets cannot say of one function in one minute: the exact extremes, the sum of squares (for the
-- standard error of the mean), and the trace of the slowest call. Every column merges by its own function.
CREATE TABLE IF NOT EXISTS span_stats_1m
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    DurationMin SimpleAggregateFunction(min, UInt64) CODEC(T64, ZSTD(1)),
    DurationMax SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    DurationSquares SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    Slowest SimpleAggregateFunction(max, Tuple(Duration UInt64, TraceId String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
