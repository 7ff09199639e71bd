-- How much every table of ours holds: rows, and bytes on disk. From the engine's list of parts, which is in memory. On a
-- cluster the rows are in tables _local, and one replica of each shard is asked.
SELECT
    replaceRegexpOne(table, '_local$', '') AS name,
    sum(rows) AS stored_rows,
    sum(bytes_on_disk) AS stored_bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY name
ORDER BY name
