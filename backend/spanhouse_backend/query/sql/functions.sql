-- The table of functions, of what functions_of_rollups.sql or functions_of_spans.sql says of each: percentiles are read
-- off their buckets, never outside the exact extremes.
SELECT
    service,
    name,
    calls,
    errors,
    total_ns / calls AS mean_ns,
    -- To seven digits: squares are added up in floating point, in whatever order they are read, and the same calls
    -- should give the same answer.
    if(deviation = 0, 0, round(deviation, toInt64(6 - floor(log10(deviation))))) AS stderr_ns,
    extremes[1] AS min_ns,
    greatest(min_ns, least(max_ns, values[1])) AS p50_ns,
    greatest(min_ns, least(max_ns, values[2])) AS p90_ns,
    greatest(min_ns, least(max_ns, values[3])) AS p95_ns,
    greatest(min_ns, least(max_ns, values[4])) AS p99_ns,
    greatest(min_ns, least(max_ns, values[5])) AS p999_ns,
    extremes[2] AS max_ns,
    total_ns,
    if(p50_ns = 0, 0, p99_ns / p50_ns) AS tail_ratio,
    slowest_trace_id
FROM
(
    SELECT
        ServiceName AS service,
        SpanName AS name,
        Total AS calls,
        Errors AS errors,
        Duration AS total_ns,
        -- sqrt(variance / calls); a difference in the last digits of the squares is no deviation at all.
        if(calls < 2, 0, Squares - toFloat64(total_ns) * total_ns / calls) AS difference,
        if(difference <= 1e-11 * Squares, 0, sqrt(difference / (calls - 1) / calls)) AS deviation,
        arrayMap(bucket -> {value:Fragment}, Levels) AS values,
        if(empty(Extremes), arrayMap(bucket -> {value:Fragment}, Outermost), Extremes) AS extremes,
        SlowestTraceId AS slowest_trace_id,
        -- What the sort that is not asked for is bound to: the same in every row.
        0 AS unsorted
    FROM ({functions:Fragment})
)
ORDER BY {upwards:Identifier}, {downwards:Identifier} DESC, service, name
LIMIT {limit:UInt32}
