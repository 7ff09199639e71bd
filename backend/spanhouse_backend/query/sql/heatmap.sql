-- How many calls began in one step and ended in one band of durations. Bands are buckets of a smaller scale: shifting an
-- index to the right by one joins two neighbouring buckets (OpenTelemetry metrics data model, "downscaling").
SELECT
    Group0 AS step,
    bitShiftRight({index:Fragment}, {shift:UInt8}) AS band,
    sum(Calls) AS calls,
    sumIf(Calls, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS errors
FROM ({calls:Fragment})
GROUP BY step, band
ORDER BY step, band
