-- What the spans themselves say of each function, in the columns of functions_of_rollups.sql.
SELECT
    ServiceName,
    SpanName,
    count() AS Total,
    countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Errors,
    sum(Bucket) AS Duration,
    sum(toFloat64(Bucket) * Bucket) AS Squares,
    {levels:Fragment} AS Levels,
    [min(Bucket), max(Bucket)] AS Outermost,
    Outermost AS Extremes,
    max((Bucket, TraceId)).2 AS SlowestTraceId
FROM ({calls:Fragment})
GROUP BY ServiceName, SpanName
