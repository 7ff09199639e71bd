-- Figures of the spans of [from_ns, to_ns), by step and group.
SELECT
    {start:Fragment} AS Start{groups:Fragment}{figures:Fragment}
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment}
GROUP BY Start{keys:Fragment}
ORDER BY {order:Fragment}
LIMIT {limit:UInt32}
