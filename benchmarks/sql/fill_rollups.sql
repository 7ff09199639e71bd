-- A day of rollups by minute: `functions` functions, each with calls in ten buckets of every minute before `end`.
INSERT INTO span_durations_1m (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket, Calls, DurationSum)
SELECT
    'warehouse',
    concat('warehouse.function_', toString(number % {functions:UInt32})),
    'Internal',
    'Unset',
    toDateTime({end:UInt32} - 60 - 60 * intDiv(number, 10 * {functions:UInt32})),
    toInt16(1200 + rand(1) % 300) AS Index,
    1 + rand(2) % 20 AS Count,
    Count * toUInt64(exp2((Index + 0.5) / 64))
FROM numbers(10 * 1440 * {functions:UInt32})
