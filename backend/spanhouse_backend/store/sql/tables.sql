-- Every table and view there is, and its comment, in which ours carry their mark.
SELECT name, comment
FROM system.tables
WHERE database = currentDatabase()
