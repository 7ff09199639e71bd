-- Fills spanhouse_rejected with the data points that something is wrong with, in the columns made for spans as far as
-- they fit: the name is the metric's, the times are the start of the point's window and its end.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse_rejected_data_points_mv TO spanhouse_rejected AS
SELECT
    Batch,
    Rejected AS Reason,
    'metrics' AS Signal,
    ServiceName,
    MetricName AS SpanName,
    StartUnixNano,
    UnixNano AS EndUnixNano,
    ScopeName,
    ResourceAttributes,
    Attributes AS SpanAttributes
FROM otlp_data_points
WHERE Rejected != ''
