-- Fills spanhouse_rejected with the log records that something is wrong with, in the columns made for spans as far as
-- they fit: the name is the event's, the times are those of the record and of its observation.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse_rejected_logs_mv TO spanhouse_rejected AS
SELECT
    Batch,
    Rejected AS Reason,
    'logs' AS Signal,
    TraceId,
    SpanId,
    ServiceName,
    EventName AS SpanName,
    UnixNano AS StartUnixNano,
    ObservedUnixNano AS EndUnixNano,
    ScopeName,
    ResourceAttributes,
    LogAttributes AS SpanAttributes,
    Body
FROM otlp_logs
WHERE Rejected != ''
