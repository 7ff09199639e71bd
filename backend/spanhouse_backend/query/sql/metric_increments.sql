-- What each data point of one metric adds to the counts of [from_ns, to_ns): rows of a Sign, a Step, a group and the point.
-- A point of delta temporality (1) adds itself, in the step of its time. A cumulative one adds what it has more than the
-- point before it of its stream: so it is added itself (Sign 1), and taken away again (Sign -1) in the step of the point
-- after it. Where both are one step there is nothing to do, so that of a stream mostly its last point is left, and
-- what it is held against. A stream begins anew with each StartTimeUnix, and where its Count goes back (a reset that its
-- sender did not mark): what it has then, it has counted since. Of a stream that began before what is read here, the first
-- point may have counted anything before: it is Unknown, adds nothing, and is only what the next one is held against.
SELECT
    Unit,
    change.1 AS Sign,
    change.2 AS Step,
    change.3 AS Unknown{keys:Fragment},
    Count,
    Sum,
    Min,
    Max,
    {columns:Fragment}
FROM
(
    SELECT
        MetricUnit AS Unit,
        TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AS Inside,
        AggregationTemporality = 1 AS Delta,
        lagInFrame(toUInt8(1)) OVER stream AS Follows,
        leadInFrame(toUInt8(1)) OVER stream AS Followed,
        Followed AND Count <= leadInFrame(Count) OVER stream AS Continued,
        StartTimeUnix >= fromUnixTimestamp64Nano({read_from_ns:Int64}) AS Begun,
        leadInFrame(TimeUnix) OVER stream AS NextTime,
        {step:Fragment} AS Own,
        {next_step:Fragment} AS Next,
        Inside AND (Delta OR Follows OR Begun) AS Added,
        NOT Delta AND Continued AND NextTime >= fromUnixTimestamp64Nano({from_ns:Int64}) AS Taken,
        arrayConcat(
            if(Added AND NOT (Taken AND Own = Next), [(toInt8(1), Own, toUInt8(0))], []),
            if(Taken AND NOT (Added AND Own = Next), [(toInt8(-1), Next, toUInt8(0))], []),
            if(Inside AND NOT Added, [(toInt8(0), Own, toUInt8(1))], [])
        ) AS Changes{groups:Fragment},
        Count,
        Sum,
        Min,
        Max,
        {columns:Fragment}
    FROM {table:Fragment}
    WHERE MetricName = {metric:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({read_from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        -- FLAG_NO_RECORDED_VALUE: a stream that has ended, and no value
        AND bitAnd(Flags, 1) = 0
        AND {filter:Fragment}
    WINDOW stream AS
    (
        PARTITION BY ServiceName, ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes, Attributes, MetricUnit, AggregationTemporality, StartTimeUnix
        ORDER BY TimeUnix
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
ARRAY JOIN Changes AS change
