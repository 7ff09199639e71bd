-- Every table that holds rows on disk, where, and the statement that would make it again.
SELECT name, create_table_query, data_paths[1] AS path
FROM system.tables
WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')
ORDER BY name
