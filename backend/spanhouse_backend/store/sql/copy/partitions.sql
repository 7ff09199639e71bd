-- Every partition that holds rows, the oldest first, and how many.
SELECT table, partition_id, sum(rows) AS rows
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table, partition_id
ORDER BY table, partition_id
