-- Since when there are spans, minutes and hours, each kept for longer than the one before; NULL when there are none. Read
-- off the tables' partitions, not off their rows (which minOrNull would do).
SELECT
    (SELECT if(count() = 0, NULL, toUnixTimestamp64Nano(min(Timestamp))) FROM otel_traces) AS spans_ns,
    (SELECT if(count() = 0, NULL, toUnixTimestamp(min(Time))) FROM span_durations_1m) * 1000000000 AS minutes_ns,
    (SELECT if(count() = 0, NULL, toUnixTimestamp(min(Time))) FROM span_durations_1h) * 1000000000 AS hours_ns
