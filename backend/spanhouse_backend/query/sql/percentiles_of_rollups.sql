-- What the rollups say of each group of calls. A group may be missing from `stats`, because views are filled one after
-- the other: its percentiles are then those of its buckets.
SELECT {keys:Fragment}, Total, Errors, Duration, Levels, Extremes
FROM
(
    SELECT
        {keys:Fragment},
        sum(Calls) AS Total,
        sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Errors,
        sum(DurationSum) AS Duration,
        {levels:Fragment} AS Levels
    FROM ({calls:Fragment})
    GROUP BY {keys:Fragment}
) AS durations
LEFT JOIN
(
    SELECT {keys:Fragment}, [min(DurationMin), max(DurationMax)] AS Extremes
    FROM ({extremes:Fragment})
    GROUP BY {keys:Fragment}
) AS stats USING ({keys:Fragment})
