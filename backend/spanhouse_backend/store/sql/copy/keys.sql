-- How a table is divided and ordered: what a table that hands it partitions must have in common with it.
SELECT engine, partition_key, sorting_key
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}
