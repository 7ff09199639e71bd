-- Tells a partition's rows from any others, in whatever order they are.
SELECT count() AS rows, sum(cityHash64(*)) AS checksum
FROM {table:Identifier}
WHERE _partition_id = {partition:String}
