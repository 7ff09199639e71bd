-- Spans of [from_ns, to_ns), whole. The columns that are long are read for the rows of the answer only (the engine
-- materializes them after the LIMIT).
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    ServiceName AS service,
    SpanName AS name,
    SpanKind AS kind,
    toUnixTimestamp64Nano(Timestamp) AS start_unix_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message,
    ScopeName AS scope,
    ScopeVersion AS scope_version,
    TraceState AS trace_state,
    SpanAttributes AS attributes,
    ResourceAttributes AS resource,
    Events.Name AS event_names,
    arrayMap(time -> toUnixTimestamp64Nano(time), Events.Timestamp) AS event_times,
    Events.Attributes AS event_attributes,
    Links.TraceId AS link_traces,
    Links.SpanId AS link_spans,
    Links.TraceState AS link_states,
    Links.Attributes AS link_attributes
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND {filter:Fragment} AND {after:Fragment}
ORDER BY {order:Fragment}
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
