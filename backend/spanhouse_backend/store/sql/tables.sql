-- Every table and view there is, its comment, in which ours carry their mark, and its engine.
SELECT name, comment, engine
FROM system.tables
WHERE database = currentDatabase()
