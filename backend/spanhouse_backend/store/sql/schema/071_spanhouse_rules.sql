-- What each rule and report last came to, and who was told: a server that is started again, and another one over the same
-- tables, go on from here. One row a rule counts, the newest; the others go when parts are merged.
CREATE TABLE IF NOT EXISTS spanhouse_rules
(
    Rule String CODEC(ZSTD(1)),
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    Means String CODEC(ZSTD(1)),
    Description String CODEC(ZSTD(1)),
    State LowCardinality(String) CODEC(ZSTD(1)),
    SinceUnixNano UInt64 CODEC(ZSTD(1)),
    EvaluatedUnixNano UInt64 CODEC(ZSTD(1)),
    ToldUnixNano UInt64 CODEC(ZSTD(1)),
    Summary String CODEC(ZSTD(1)),
    Problem String CODEC(ZSTD(1)),
    -- JSON, for the software alone: what was found, and whom of the webhooks was told of what.
    Finding String CODEC(ZSTD(1)),
    Told String CODEC(ZSTD(1)),
    -- No longer in the file.
    Gone Bool,
    Version UInt64,
    Time DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY Rule
TTL Time + INTERVAL 90 DAY
