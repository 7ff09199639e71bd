-- What the buckets cannot say (extremes, squares, the slowest trace) from the rollups, over the windows of
-- rollup_calls.sql.
SELECT ServiceName, SpanName, SpanKind, StatusCode, Time, DurationMin, DurationMax, DurationSquares, Slowest{groups:Fragment}
FROM span_stats_1h
WHERE Time >= toDateTime({hours_from:UInt32}) AND Time < toDateTime({hours_to:UInt32}) AND {filter:Fragment}
UNION ALL
SELECT ServiceName, SpanName, SpanKind, StatusCode, Time, DurationMin, DurationMax, DurationSquares, Slowest{groups:Fragment}
FROM span_stats_1m
WHERE (Time >= toDateTime({from:UInt32}) AND Time < toDateTime({hours_from:UInt32})
        OR Time >= toDateTime({hours_to:UInt32}) AND Time < toDateTime({to:UInt32}))
    AND {filter:Fragment}
