-- How the cumulative points of one metric change the counts of [from_ns, to_ns), by stream and time. A point is added
-- (Sign 1) in the step of its time, and taken away again (-1) in that of the point after it, which has all that it has and
-- more. Where both are one step there is nothing to do, so that of a stream mostly its last point is left, and what that is
-- held against. A stream begins anew with each StartTimeUnix, and where its Count goes back (a reset that its sender did not
-- mark): what it has then, it has counted since. Of a stream that began before what is read here, the first point may have
-- counted anything before: it adds nothing (Sign 0), and is only what the next one is held against.
SELECT
    Stream,
    TimeUnix,
    arrayConcat(
        if(Added AND NOT (Taken AND Own = Next), [(toInt8(1), Own)], []),
        if(Taken AND NOT (Added AND Own = Next), [(toInt8(-1), Next)], []),
        if(Inside AND NOT Added, [(toInt8(0), Own)], [])
    ) AS Changes
FROM
(
    SELECT
        {stream:Fragment} AS Stream,
        TimeUnix,
        TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AS Inside,
        lagInFrame(toUInt8(1)) OVER stream AS Follows,
        leadInFrame(toUInt8(1)) OVER stream AS Followed,
        leadInFrame(TimeUnix) OVER stream AS NextTime,
        StartTimeUnix >= fromUnixTimestamp64Nano({read_from_ns:Int64}) AS Begun,
        {step:Fragment} AS Own,
        {next_step:Fragment} AS Next,
        Inside AND (Follows OR Begun) AS Added,
        Followed AND Count <= leadInFrame(Count) OVER stream
            AND NextTime >= fromUnixTimestamp64Nano({from_ns:Int64}) AS Taken
    FROM {table:Fragment}
    WHERE MetricName = {metric:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({read_from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND AggregationTemporality != 1 AND bitAnd(Flags, 1) = 0
        AND {filter:Fragment}
    WINDOW stream AS (PARTITION BY Stream ORDER BY TimeUnix ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
WHERE notEmpty(Changes)
