-- The latency histograms of the functions that took most of a window, block of time by block of time: of each block the
-- calls by bucket (OpenTelemetry's index at scale 6, -32768 for zero), and how many of them failed.
SELECT
    service,
    name,
    groupArray(buckets) AS buckets,
    groupArray(counts) AS counts,
    groupArray(failed) AS errors
FROM
(
    SELECT
        service,
        name,
        block,
        groupArray(bucket) AS buckets,
        groupArray(calls) AS counts,
        sum(failing) AS failed,
        sum(took_ns) AS block_ns
    FROM
    (
        SELECT
            ServiceName AS service,
            SpanName AS name,
            Group0 AS block,
            {index:Fragment} AS bucket,
            sum(Calls) AS calls,
            sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS failing,
            sum(DurationSum) AS took_ns
        FROM ({calls:Fragment})
        GROUP BY service, name, block, bucket
    )
    GROUP BY service, name, block
)
GROUP BY service, name
ORDER BY sum(block_ns) DESC, service, name
LIMIT {functions:UInt32}
