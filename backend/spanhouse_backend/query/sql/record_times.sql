-- The times of the first records of a window that match, in order: all that is read of the others is their time, and what
-- the filter speaks of.
SELECT toUnixTimestamp64Nano(Timestamp) AS time_unix_ns
FROM otel_logs
WHERE {within:Fragment} AND {filter:Fragment}
ORDER BY Timestamp {direction:Fragment}
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
