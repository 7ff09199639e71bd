-- One log record, whole: that of a time and a hash. Records that are the same in everything are one here.
SELECT
    SeverityText AS severity,
    SeverityNumber AS severity_number,
    ServiceName AS service,
    Body AS body,
    EventName AS event,
    ScopeName AS scope,
    ScopeVersion AS scope_version,
    ScopeSchemaUrl AS scope_schema_url,
    ScopeAttributes AS scope_attributes,
    ResourceAttributes AS resource,
    ResourceSchemaUrl AS resource_schema_url,
    TraceId AS trace_id,
    SpanId AS span_id,
    TraceFlags AS flags,
    LogAttributes AS attributes
FROM otel_logs
WHERE {within:Fragment} AND {hash:Fragment} = {record_hash:UInt64}
LIMIT 1
