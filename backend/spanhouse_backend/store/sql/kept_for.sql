-- For how many seconds each table keeps its rows, 0 for ever. The engine has no column for this, only the text of the
-- table's definition, in which a bound number of seconds reads _CAST(604800, 'UInt32'). On a cluster the rows are in tables
-- _local.
WITH extractGroups(engine_full, ' TTL .*?toInterval(Second|Day)\\((?:_CAST\\()?(\\d+)') AS found
SELECT
    replaceRegexpOne(name, '_local$', '') AS name,
    toUInt32OrZero(found[2]) * if(found[1] = 'Day', 86400, 1) AS seconds
FROM system.tables
WHERE database = currentDatabase() AND engine != 'Distributed'
