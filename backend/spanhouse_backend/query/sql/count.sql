-- How many spans of [from_ns, to_ns) there are.
SELECT count() AS spans
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment}
