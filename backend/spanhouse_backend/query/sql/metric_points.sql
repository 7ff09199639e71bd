-- What the points of one table of metrics are of.
SELECT
    MetricName AS name,
    {type:Fragment} AS type,
    MetricUnit AS unit,
    max(MetricDescription) AS Description,
    groupUniqArray(toString(ServiceName)) AS Services,
    count() AS Points,
    toUnixTimestamp64Nano(min(TimeUnix)) AS First,
    toUnixTimestamp64Nano(max(TimeUnix)) AS Last
FROM {table:Fragment}
WHERE TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment}
GROUP BY name, unit
