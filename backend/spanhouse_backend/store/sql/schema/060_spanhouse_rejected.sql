-- Spans, log records and data points that were refused, with the reason and what they said, for whoever wonders where
-- they went. Ordered by request, because the first to ask, at once, is the answer to the request they came with (OTLP's
-- partial_success). The columns are a span's; of a log record SpanName is the event's name and Body its body, of a data
-- point SpanName is the metric's name.
CREATE TABLE IF NOT EXISTS spanhouse_rejected
(
    Batch FixedString(16) CODEC(NONE),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    Reason LowCardinality(String) CODEC(ZSTD(1)),
    Signal LowCardinality(String) DEFAULT 'traces' CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    StartUnixNano UInt64 CODEC(ZSTD(1)),
    EndUnixNano UInt64 CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Batch
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
