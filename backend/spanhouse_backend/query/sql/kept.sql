-- Since when there are spans, and since when there are rollups, which are kept for longer; NULL when there are none.
-- Both are read off the tables' partitions, not off their rows (which minOrNull would do).
SELECT
    (SELECT if(count() = 0, NULL, toUnixTimestamp64Nano(min(Timestamp))) FROM otel_traces) AS spans_ns,
    (SELECT if(count() = 0, NULL, toUnixTimestamp(min(Time))) FROM span_durations_1h) * 1000000000 AS rollups_ns
