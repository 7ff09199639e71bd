-- Every table that holds rows on disk, where, and the statement that would make it again in the database that a data
-- directory begins with: a backup of a namespace is restored as a directory of its own.
SELECT
    name,
    replaceOne(create_table_query, concat('CREATE TABLE ', currentDatabase(), '.'), 'CREATE TABLE default.') AS create_sql,
    data_paths[1] AS path
FROM system.tables
WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')
ORDER BY name
