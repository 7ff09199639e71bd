-- What the spans themselves say of each group of calls, in the columns of percentiles_of_rollups.sql.
SELECT
    {keys:Fragment},
    count() AS Total,
    countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Errors,
    sum(Bucket) AS Duration,
    {levels:Fragment} AS Levels,
    [min(Bucket), max(Bucket)] AS Extremes
FROM ({calls:Fragment})
GROUP BY {keys:Fragment}
