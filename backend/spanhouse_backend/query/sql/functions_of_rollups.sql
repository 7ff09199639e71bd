-- What the rollups say of each function. Percentiles are nearest rank over (Bucket, Calls).
-- Calls are counted in `durations`. A function may be missing from `stats`, because views are filled one after the
-- other: until then its extremes are those of its buckets, its standard error 0, its slowest trace unknown.
SELECT
    durations.ServiceName AS ServiceName,
    durations.SpanName AS SpanName,
    Total,
    Errors,
    Duration,
    Squares,
    Levels,
    Outermost,
    Extremes,
    SlowestTraceId
FROM
(
    SELECT
        ServiceName,
        SpanName,
        sum(Calls) AS Total,
        sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Errors,
        sum(DurationSum) AS Duration,
        [min(Bucket), max(Bucket)] AS Outermost,
        {levels:Fragment} AS Levels
    FROM ({calls:Fragment})
    GROUP BY ServiceName, SpanName
) AS durations
LEFT JOIN
(
    SELECT
        ServiceName,
        SpanName,
        [min(DurationMin), max(DurationMax)] AS Extremes,
        sum(DurationSquares) AS Squares,
        max(Slowest).2 AS SlowestTraceId
    FROM ({extremes:Fragment})
    GROUP BY ServiceName, SpanName
) AS stats ON stats.ServiceName = durations.ServiceName AND stats.SpanName = durations.SpanName
