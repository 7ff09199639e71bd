-- How far `spanhouse copy` has come: which partitions lie beside their table, whole and checked, and which of those have been
-- handed over. Made by the first copy.
CREATE TABLE IF NOT EXISTS spanhouse_copied
(
    Source String,
    TableName LowCardinality(String),
    PartitionId String,
    Keys UInt64,
    HandedOver UInt8,
    Time DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (Source, TableName, PartitionId)
