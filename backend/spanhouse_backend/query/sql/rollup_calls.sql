-- Calls by duration bucket from the rollups: whole hours [hours_from, hours_to) from the hourly one, the rest of
-- [from, to) from the minutes. The caller aligns all four (to minutes and to UTC hours, in Unix seconds), so that no
-- call is counted twice.
SELECT ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket, Calls, DurationSum{groups:Fragment}
FROM span_durations_1h
WHERE Time >= toDateTime({hours_from:UInt32}) AND Time < toDateTime({hours_to:UInt32}) AND {filter:Fragment}
UNION ALL
SELECT ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket, Calls, DurationSum{groups:Fragment}
FROM span_durations_1m
WHERE (Time >= toDateTime({from:UInt32}) AND Time < toDateTime({hours_from:UInt32})
        OR Time >= toDateTime({hours_to:UInt32}) AND Time < toDateTime({to:UInt32}))
    AND {filter:Fragment}
