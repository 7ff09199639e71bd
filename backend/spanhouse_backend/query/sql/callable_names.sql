-- Everything that the engine can call by a name and a bracket, in lower case: what of it may not be called is decided by
-- lists of what may, so that a new version's functions are closed until somebody has looked at them.
SELECT DISTINCT lower(name) AS name
FROM
(
    SELECT name FROM system.functions
    UNION ALL
    SELECT name FROM system.table_functions
)
ORDER BY name
