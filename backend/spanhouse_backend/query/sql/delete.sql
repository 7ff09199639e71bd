-- Deletes spans of [from_ns, to_ns). Lightweight: rows are marked, and go when their parts merge.
DELETE FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment}
