-- Fills spanhouse_rejected with the spans that something is wrong with.
CREATE MATERIALIZED VIEW IF NOT EXISTS spanhouse_rejected_mv TO spanhouse_rejected AS
SELECT
    Batch,
    Rejected AS Reason,
    TraceId,
    SpanId,
    ParentSpanId,
    ServiceName,
    SpanName,
    StartUnixNano,
    EndUnixNano,
    ScopeName,
    ResourceAttributes,
    SpanAttributes
FROM otlp_spans
WHERE Rejected != ''
