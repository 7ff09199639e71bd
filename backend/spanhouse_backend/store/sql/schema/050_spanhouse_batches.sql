-- Which requests are stored, by the hash of their bytes, and how they were answered: a client that did not hear the
-- acknowledgement sends the same bytes again, perhaps to another process, and must not be stored twice. Read when a
-- server starts; servers that share a ClickHouse also ask for the requests of each group (stored_requests.sql).
-- RejectedSpans counts log records as well.
CREATE TABLE IF NOT EXISTS spanhouse_batches
(
    Identity FixedString(16) CODEC(NONE),
    RejectedSpans UInt32 CODEC(T64, ZSTD(1)),
    RejectedFor String CODEC(ZSTD(1)),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX idx_identity Identity TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Time
TTL Time + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1
