-- How much every table of ours holds: rows, and bytes on disk. From the engine's list of parts, which is in memory.
SELECT
    table AS name,
    sum(rows) AS stored_rows,
    sum(bytes_on_disk) AS stored_bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
ORDER BY table
