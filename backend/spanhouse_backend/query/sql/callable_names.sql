-- Everything that the engine can call by a name and a bracket, in lower case: what of it may not be called is decided by
-- lists of what may, so that a new version's functions are closed until somebody has looked at them. Types look the
-- same (Nested, Array), and a function that shares its name with one makes a value of it.
SELECT DISTINCT lower(name) AS name
FROM
(
    SELECT name FROM system.functions
    UNION ALL
    SELECT name FROM system.table_functions
)
WHERE name NOT IN (SELECT lower(name) FROM system.data_type_families)
ORDER BY name
