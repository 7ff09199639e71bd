-- Which requests are stored, by the hash of their bytes: a client that did not hear the acknowledgement sends the same
-- bytes again, perhaps to the next process, and must not be stored twice. Read once, when a server starts.
CREATE TABLE IF NOT EXISTS spanhouse_batches
(
    Identity FixedString(16) CODEC(NONE),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Time
TTL Time + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1
