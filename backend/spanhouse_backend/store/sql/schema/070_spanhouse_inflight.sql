-- What is being inserted right now, by which of the servers that share this database: the journal of groups, and the
-- claims to the requests in them (store/shared_journal.py). A row is begun (Ended false, with the group) or ended; an
-- ended one without a server ends it for all. Empty with the embedded engine, whose journal is files. Large rows are
-- never merged: partitions are dropped within minutes.
CREATE TABLE IF NOT EXISTS spanhouse_inflight
(
    Token String CODEC(ZSTD(1)),
    Server LowCardinality(String) CODEC(ZSTD(1)),
    Ended Bool CODEC(ZSTD(1)),
    Landing LowCardinality(String) CODEC(ZSTD(1)),
    Schema LowCardinality(String) CODEC(ZSTD(1)),
    Identities Array(FixedString(16)) CODEC(NONE),
    Body String CODEC(LZ4),
    Time DateTime64(3) DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfFiveMinutes(Time)
ORDER BY (Token, Server, Ended)
TTL toDateTime(Time) + INTERVAL 1 DAY
SETTINGS ttl_only_drop_parts = 1, max_bytes_to_merge_at_max_space_in_pool = 16777216
