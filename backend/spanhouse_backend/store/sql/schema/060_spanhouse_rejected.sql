-- Spans that were refused, with the reason and what they said, for whoever wonders where they went. Ordered by request,
-- because the first to ask, at once, is the answer to the request they came with (OTLP's partial_success).
CREATE TABLE IF NOT EXISTS spanhouse_rejected
(
    Batch FixedString(16) CODEC(NONE),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    Reason LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    StartUnixNano UInt64 CODEC(ZSTD(1)),
    EndUnixNano UInt64 CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Batch
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
