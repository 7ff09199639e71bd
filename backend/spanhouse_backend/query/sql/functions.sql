-- The table of functions over [from, to): whole hours [hours_from, hours_to) come from the hourly rollups, the rest
-- from the minutes. The caller aligns all four (to minutes and to UTC hours, in Unix seconds), so that no call is
-- counted twice. Percentiles are nearest rank over (Bucket, Calls), read at the bucket's geometric midpoint
-- 2^((Bucket + 0.5) / 64), which is within 0.55% of every duration in it, and never outside the exact extremes; the
-- bucket of durations of zero, -32768, reads as 0 by the same formula.
-- Calls are counted in `durations`. A function may be missing from `stats`, because views are filled one after the
-- other: until then its extremes are those of its buckets, its standard error 0, its slowest trace unknown.
WITH
    durations AS
    (
        SELECT
            ServiceName,
            SpanName,
            sum(Calls) AS Total,
            sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Errors,
            sum(DurationSum) AS Duration,
            [min(Bucket), max(Bucket)] AS Extremes,
            quantilesExactWeighted(0.5, 0.9, 0.95, 0.99, 0.999)(Bucket, Calls) AS Levels
        FROM
        (
            SELECT ServiceName, SpanName, StatusCode, Bucket, Calls, DurationSum
            FROM span_durations_1h
            WHERE Time >= toDateTime({hours_from:UInt32}) AND Time < toDateTime({hours_to:UInt32})
                AND ({service:String} = '' OR ServiceName = {service:String})
            UNION ALL
            SELECT ServiceName, SpanName, StatusCode, Bucket, Calls, DurationSum
            FROM span_durations_1m
            WHERE (Time >= toDateTime({from:UInt32}) AND Time < toDateTime({hours_from:UInt32})
                    OR Time >= toDateTime({hours_to:UInt32}) AND Time < toDateTime({to:UInt32}))
                AND ({service:String} = '' OR ServiceName = {service:String})
        )
        GROUP BY ServiceName, SpanName
    ),
    stats AS
    (
        SELECT
            ServiceName,
            SpanName,
            1 AS Known,
            [min(DurationMin), max(DurationMax)] AS Extremes,
            sum(DurationSquares) AS Squares,
            max(Slowest).2 AS SlowestTraceId
        FROM
        (
            SELECT ServiceName, SpanName, DurationMin, DurationMax, DurationSquares, Slowest
            FROM span_stats_1h
            WHERE Time >= toDateTime({hours_from:UInt32}) AND Time < toDateTime({hours_to:UInt32})
                AND ({service:String} = '' OR ServiceName = {service:String})
            UNION ALL
            SELECT ServiceName, SpanName, DurationMin, DurationMax, DurationSquares, Slowest
            FROM span_stats_1m
            WHERE (Time >= toDateTime({from:UInt32}) AND Time < toDateTime({hours_from:UInt32})
                    OR Time >= toDateTime({hours_to:UInt32}) AND Time < toDateTime({to:UInt32}))
                AND ({service:String} = '' OR ServiceName = {service:String})
        )
        GROUP BY ServiceName, SpanName
    )
SELECT
    service,
    name,
    calls,
    errors,
    total_ns / calls AS mean_ns,
    -- sqrt(variance / calls); the difference of two large sums may round to less than nothing.
    if(calls < 2, 0, sqrt(greatest(0, Squares - toFloat64(total_ns) * total_ns / calls) / (calls - 1) / calls)) AS stderr_ns,
    extremes[1] AS min_ns,
    greatest(min_ns, least(max_ns, midpoints[1])) AS p50_ns,
    greatest(min_ns, least(max_ns, midpoints[2])) AS p90_ns,
    greatest(min_ns, least(max_ns, midpoints[3])) AS p95_ns,
    greatest(min_ns, least(max_ns, midpoints[4])) AS p99_ns,
    greatest(min_ns, least(max_ns, midpoints[5])) AS p999_ns,
    extremes[2] AS max_ns,
    total_ns,
    if(p50_ns = 0, 0, p99_ns / p50_ns) AS tail_ratio,
    slowest_trace_id
FROM
(
    SELECT
        durations.ServiceName AS service,
        durations.SpanName AS name,
        Total AS calls,
        Errors AS errors,
        Duration AS total_ns,
        Squares,
        -- Five percentiles, lowest, highest.
        arrayMap(bucket -> toUInt64(round(exp2((bucket + 0.5) / 64))), arrayConcat(Levels, durations.Extremes)) AS midpoints,
        if(stats.Known = 1, stats.Extremes, [midpoints[6], midpoints[7]]) AS extremes,
        SlowestTraceId AS slowest_trace_id,
        -- What the sort that is not asked for is bound to: the same in every row.
        0 AS unsorted
    FROM durations
    LEFT JOIN stats ON stats.ServiceName = durations.ServiceName AND stats.SpanName = durations.SpanName
)
ORDER BY {upwards:Identifier}, {downwards:Identifier} DESC, service, name
LIMIT {limit:UInt32}
