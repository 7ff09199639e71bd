-- How long a call takes that is no longer ordinary (what was asked for, or a percentile), and how many took longer.
WITH
    spans AS (SELECT Bucket FROM ({calls:Fragment})),
    (SELECT ifNull({over:Nullable(UInt64)}, {levels:Fragment}[1]) FROM spans) AS over
SELECT over AS over_ns, count() AS calls, countIf(Bucket > over) AS slow_calls
FROM spans
