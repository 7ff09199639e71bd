-- Whether the server knows a cluster, and has the macros that tables on it are named by.
SELECT
    {cluster:String} IN (SELECT cluster FROM system.clusters) AS known,
    (SELECT countIf(macro IN ('shard', 'replica')) FROM system.macros) AS macros,
    (SELECT arrayStringConcat(arraySort(groupUniqArray(cluster)), ', ') FROM system.clusters) AS clusters
