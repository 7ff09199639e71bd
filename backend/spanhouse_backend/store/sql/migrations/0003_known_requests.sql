-- Lets servers that share a database ask before each insert whether some of its requests are stored, without reading a
-- day of them. Parts that are there already are read whole until they expire.
ALTER TABLE spanhouse_batches ADD INDEX IF NOT EXISTS idx_identity Identity TYPE bloom_filter(0.001) GRANULARITY 1
