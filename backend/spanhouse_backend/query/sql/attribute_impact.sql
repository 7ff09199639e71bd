-- Which values of attributes are more frequent among the spans of [from_ns, to_ns) that are inside (attribute_threshold.sql)
-- than among the others. There is at least one inside.
SELECT
    entry.1 AS map,
    entry.2 AS key,
    entry.3 AS value,
    countIf(inside) AS inside_calls,
    count() - inside_calls AS outside_calls,
    inside_calls / {inside_calls:UInt64} AS inside_share,
    outside_calls / greatest(1, {calls:UInt64} - {inside_calls:UInt64}) AS outside_share,
    inside_share / (count() / {calls:UInt64}) AS lift,
    inside_share - outside_share AS score
FROM
(
    SELECT
        (Duration > {over_ns:UInt64} OR {over_ns:UInt64} = 0) AND Duration <= {up_to_ns:UInt64}
            AND Timestamp >= fromUnixTimestamp64Nano({inside_from_ns:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({inside_to_ns:Int64}) AS inside,
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
ORDER BY score DESC, inside_calls DESC, map, key, value
LIMIT {limit:UInt32}
