-- Which values of attributes are more frequent among the spans of [from_ns, to_ns) that took longer than over_ns than
-- among the others. There is at least one slow span.
SELECT
    entry.1 AS map,
    entry.2 AS key,
    entry.3 AS value,
    countIf(Duration > {over_ns:UInt64}) AS slow_calls,
    count() - slow_calls AS other_calls,
    slow_calls / {slow_calls:UInt64} AS slow_share,
    other_calls / greatest(1, {calls:UInt64} - {slow_calls:UInt64}) AS other_share,
    slow_share - other_share AS score
FROM
(
    SELECT
        Duration,
        arrayJoin(arrayConcat(
            arrayMap((key, value) -> ('SpanAttributes', toString(key), value), mapKeys(SpanAttributes), mapValues(SpanAttributes)),
            arrayMap((key, value) -> ('ResourceAttributes', toString(key), value), mapKeys(ResourceAttributes), mapValues(ResourceAttributes))
        )) AS entry
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND {filter:Fragment}
)
GROUP BY map, key, value
HAVING score > 0
ORDER BY score DESC, slow_calls DESC, map, key, value
LIMIT {limit:UInt32}
