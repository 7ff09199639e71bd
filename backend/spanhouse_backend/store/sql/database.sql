-- The database, if it is there and this user may see it.
SELECT name
FROM system.databases
WHERE name = {database:String}
