-- How long a call takes that is no longer ordinary (what was asked for, or a percentile), and how many calls are inside:
-- longer than that (0 is every call), no longer than up_to_ns, begun in [inside_from_ns, inside_to_ns).
WITH
    spans AS (SELECT Time, Bucket FROM ({calls:Fragment})),
    (SELECT ifNull({over:Nullable(UInt64)}, {levels:Fragment}[1]) FROM spans) AS over
SELECT
    over AS over_ns,
    count() AS calls,
    countIf(
        (Bucket > over OR over = 0) AND Bucket <= {up_to_ns:UInt64}
        AND Time >= fromUnixTimestamp64Nano({inside_from_ns:Int64}) AND Time < fromUnixTimestamp64Nano({inside_to_ns:Int64})
    ) AS inside_calls
FROM spans
