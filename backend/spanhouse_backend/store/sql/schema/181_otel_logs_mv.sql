-- Fills otel_logs with the records that nothing is wrong with. TimestampTime is made by the table itself.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_logs_mv TO otel_logs AS
SELECT
    Timestamp,
    TraceId,
    SpanId,
    TraceFlags,
    SeverityText,
    SeverityNumber,
    ServiceName,
    Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    LogAttributes,
    EventName
FROM otlp_logs
WHERE Rejected = ''
