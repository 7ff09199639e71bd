-- What each data point of one metric adds to the counts of [from_ns, to_ns): rows of a Sign, a Step, a group and the point.
-- A point of delta temporality (1) adds itself, in the step of its time. A cumulative one adds what it has more than the
-- point before it of its stream: metric_changes.sql says what that comes to. Buckets are long, so only those of points that
-- change something are read.
SELECT
    MetricUnit AS Unit,
    toInt8(1) AS Sign,
    {step:Fragment} AS Step{groups:Fragment},
    Count,
    Sum,
    Min,
    Max,
    {columns:Fragment}
FROM {table:Fragment}
WHERE MetricName = {metric:String}
    AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    AND AggregationTemporality = 1
    -- FLAG_NO_RECORDED_VALUE: a stream that has ended, and no value
    AND bitAnd(Flags, 1) = 0
    AND {filter:Fragment}
UNION ALL
SELECT
    MetricUnit AS Unit,
    change.1 AS Sign,
    change.2 AS Step{groups:Fragment},
    Count,
    Sum,
    Min,
    Max,
    {columns:Fragment}
FROM
(
    SELECT *, {stream:Fragment} AS Stream
    FROM {table:Fragment}
    WHERE MetricName = {metric:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({read_from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND AggregationTemporality != 1 AND bitAnd(Flags, 1) = 0
        AND {filter:Fragment}
) AS points
-- One of each key, of both sides: a point that was stored twice changes nothing twice.
ANY INNER JOIN ({changes:Fragment}) AS changes USING (Stream, TimeUnix)
ARRAY JOIN Changes AS change
