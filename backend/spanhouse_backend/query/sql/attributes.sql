-- Every attribute of the spans of [from_ns, to_ns), with what its values look like. A value's type is read off its text,
-- which is all that the schema keeps of it.
SELECT
    entry.1 AS map,
    entry.2 AS key,
    multiIf(
        countIf(value NOT IN ('true', 'false')) = 0, 'bool',
        countIf(isNull(toInt64OrNull(value))) = 0, 'int',
        countIf(isNull(toFloat64OrNull(value))) = 0, 'double',
        'string'
    ) AS type,
    count() AS spans,
    uniqCombined(value) AS values,
    arraySort(topK(5)(substringUTF8(value, 1, 100))) AS examples
FROM
(
    SELECT
        arrayJoin(arrayConcat(
            arrayMap((key, value) -> ('SpanAttributes', toString(key), value), mapKeys(SpanAttributes), mapValues(SpanAttributes)),
            arrayMap((key, value) -> ('ResourceAttributes', toString(key), value), mapKeys(ResourceAttributes), mapValues(ResourceAttributes))
        )) AS entry,
        entry.3 AS value
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND {filter:Fragment}
)
GROUP BY map, key
ORDER BY spans DESC, map, key
LIMIT {limit:UInt32}
