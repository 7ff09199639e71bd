-- Percentiles of groups of calls, of what percentiles_of_rollups.sql or percentiles_of_spans.sql says of each: read off
-- their buckets, never outside the exact extremes. The groups that took the most time come first.
SELECT
    [{keys:Fragment}] AS keys,
    Total AS calls,
    Errors AS errors,
    Duration AS total_ns,
    Duration / Total AS mean_ns,
    Extremes AS extremes,
    arrayMap(bucket -> {value:Fragment}, Levels) AS midpoints,
    if(empty(Extremes), midpoints, arrayMap(value -> greatest(Extremes[1], least(Extremes[2], value)), midpoints)) AS percentiles
FROM ({groups:Fragment})
ORDER BY total_ns DESC, keys
LIMIT {limit:UInt32}
