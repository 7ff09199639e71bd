-- How the calls of each function went, step by step: of what percentiles_of_rollups.sql or percentiles_of_spans.sql says
-- of each function and step, one row a function, with a tuple (step, calls, errors, percentile) for each step in which
-- it was called. The functions that took the most time come first.
SELECT
    service,
    name,
    groupArray((step, calls, errors, if(empty(Extremes), midpoint, greatest(Extremes[1], least(Extremes[2], midpoint))))) AS steps
FROM
(
    SELECT
        ServiceName AS service,
        SpanName AS name,
        Group0 AS step,
        Total AS calls,
        Errors AS errors,
        Duration,
        Extremes,
        arrayMap(bucket -> {value:Fragment}, Levels)[1] AS midpoint
    FROM ({groups:Fragment})
)
GROUP BY service, name
ORDER BY sum(Duration) DESC, service, name
LIMIT {limit:UInt32}
