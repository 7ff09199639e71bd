-- Which of the servers over these tables judges a rule in a slot of time: whose row is here. All of them insert a row with
-- the slot's own deduplication token, of which the engine keeps the first and drops the rest, so that one alone is told
-- that it is the one.
CREATE TABLE IF NOT EXISTS spanhouse_rule_claims
(
    Rule String CODEC(ZSTD(1)),
    Slot UInt64 CODEC(ZSTD(1)),
    Holder String CODEC(ZSTD(1)),
    Time DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (Rule, Slot)
TTL Time + INTERVAL 1 DAY
SETTINGS non_replicated_deduplication_window = 10000
