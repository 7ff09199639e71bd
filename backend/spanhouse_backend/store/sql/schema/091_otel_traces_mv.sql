-- The whole mapping from OTLP to columns. The inner SELECT makes a row per scope, the outer ARRAY JOIN a row per
-- span, moving plain arrays only, because the engine plans a view again for every insert, and planning flat
-- columns is several times cheaper than planning tuples.
-- value_text: an attribute value as text (s string, b bool, i int, d double, a array, k key-value list, y bytes).
-- Arrays and lists become JSON, bytes become base64, a value that is not set becomes ''.
-- element_json: one element of such an array or list, as JSON; what is nested deeper is the base64 of its encoding.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_mv TO otel_traces AS
WITH
    (e) -> multiIf(
        isNotNull(e.string_value), toJSONString(assumeNotNull(e.string_value)),
        e.double_value IN ('nan', 'inf', '-inf'), concat('"', e.double_value, '"'),
        e.array_value = '', '[]',
        e.kvlist_value = '', '{}',
        coalesce(
            e.bool_value,
            e.int_value,
            e.double_value,
            concat('"', base64Encode(coalesce(e.array_value, e.kvlist_value, e.bytes_value)), '"'),
            'null'
        )
    ) AS element_json,
    (s, b, i, d, a, k, y) -> multiIf(
        isNotNull(a),
        concat('[', arrayStringConcat(arrayMap(e -> element_json(e), a.values), ','), ']'),
        isNotNull(k),
        concat('{', arrayStringConcat(arrayMap(e -> concat(toJSONString(e.key), ':', element_json(e.value)), k.values), ','), '}'),
        coalesce(s, i, b, d, base64Encode(y), '')
    ) AS value_text
SELECT
    fromUnixTimestamp64Nano(toInt64(`scope_spans.spans.start_time_unix_nano`)) AS Timestamp,
    lower(hex(`scope_spans.spans.trace_id`)) AS TraceId,
    lower(hex(`scope_spans.spans.span_id`)) AS SpanId,
    lower(hex(`scope_spans.spans.parent_span_id`)) AS ParentSpanId,
    `scope_spans.spans.trace_state` AS TraceState,
    `scope_spans.spans.name` AS SpanName,
    transform(
        `scope_spans.spans.kind`,
        [1, 2, 3, 4, 5],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        'Unspecified'
    ) AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    ResourceAttributes,
    `scope_spans.scope.name` AS ScopeName,
    `scope_spans.scope.version` AS ScopeVersion,
    mapFromArrays(
        `scope_spans.spans.attributes.key`,
        arrayMap(
            (s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y),
            `scope_spans.spans.attributes.value.string_value`,
            `scope_spans.spans.attributes.value.bool_value`,
            `scope_spans.spans.attributes.value.int_value`,
            `scope_spans.spans.attributes.value.double_value`,
            `scope_spans.spans.attributes.value.array_value`,
            `scope_spans.spans.attributes.value.kvlist_value`,
            `scope_spans.spans.attributes.value.bytes_value`
        )
    ) AS SpanAttributes,
    -- A clock that was set back between start and end must not become 584 years.
    if(
        `scope_spans.spans.end_time_unix_nano` > `scope_spans.spans.start_time_unix_nano`,
        `scope_spans.spans.end_time_unix_nano` - `scope_spans.spans.start_time_unix_nano`,
        0
    ) AS Duration,
    transform(`scope_spans.spans.status.code`, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    `scope_spans.spans.status.message` AS StatusMessage,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), `scope_spans.spans.events.time_unix_nano`) AS `Events.Timestamp`,
    `scope_spans.spans.events.name` AS `Events.Name`,
    arrayMap(
        (keys, s, b, i, d, a, k, y) -> mapFromArrays(
            keys,
            arrayMap((s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y), s, b, i, d, a, k, y)
        ),
        `scope_spans.spans.events.attributes.key`,
        `scope_spans.spans.events.attributes.value.string_value`,
        `scope_spans.spans.events.attributes.value.bool_value`,
        `scope_spans.spans.events.attributes.value.int_value`,
        `scope_spans.spans.events.attributes.value.double_value`,
        `scope_spans.spans.events.attributes.value.array_value`,
        `scope_spans.spans.events.attributes.value.kvlist_value`,
        `scope_spans.spans.events.attributes.value.bytes_value`
    ) AS `Events.Attributes`,
    arrayMap(id -> lower(hex(id)), `scope_spans.spans.links.trace_id`) AS `Links.TraceId`,
    arrayMap(id -> lower(hex(id)), `scope_spans.spans.links.span_id`) AS `Links.SpanId`,
    `scope_spans.spans.links.trace_state` AS `Links.TraceState`,
    arrayMap(
        (keys, s, b, i, d, a, k, y) -> mapFromArrays(
            keys,
            arrayMap((s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y), s, b, i, d, a, k, y)
        ),
        `scope_spans.spans.links.attributes.key`,
        `scope_spans.spans.links.attributes.value.string_value`,
        `scope_spans.spans.links.attributes.value.bool_value`,
        `scope_spans.spans.links.attributes.value.int_value`,
        `scope_spans.spans.links.attributes.value.double_value`,
        `scope_spans.spans.links.attributes.value.array_value`,
        `scope_spans.spans.links.attributes.value.kvlist_value`,
        `scope_spans.spans.links.attributes.value.bytes_value`
    ) AS `Links.Attributes`
FROM
(
    SELECT
        mapFromArrays(
            `resource.attributes.key`,
            arrayMap(
                (s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y),
                `resource.attributes.value.string_value`,
                `resource.attributes.value.bool_value`,
                `resource.attributes.value.int_value`,
                `resource.attributes.value.double_value`,
                `resource.attributes.value.array_value`,
                `resource.attributes.value.kvlist_value`,
                `resource.attributes.value.bytes_value`
            )
        ) AS ResourceAttributes,
        `scope_spans.scope.name`,
        `scope_spans.scope.version`,
        `scope_spans.spans.trace_id`,
        `scope_spans.spans.span_id`,
        `scope_spans.spans.trace_state`,
        `scope_spans.spans.parent_span_id`,
        `scope_spans.spans.name`,
        `scope_spans.spans.kind`,
        `scope_spans.spans.start_time_unix_nano`,
        `scope_spans.spans.end_time_unix_nano`,
        `scope_spans.spans.status.message`,
        `scope_spans.spans.status.code`,
        `scope_spans.spans.attributes.key`,
        `scope_spans.spans.attributes.value.string_value`,
        `scope_spans.spans.attributes.value.bool_value`,
        `scope_spans.spans.attributes.value.int_value`,
        `scope_spans.spans.attributes.value.double_value`,
        `scope_spans.spans.attributes.value.array_value`,
        `scope_spans.spans.attributes.value.kvlist_value`,
        `scope_spans.spans.attributes.value.bytes_value`,
        `scope_spans.spans.events.time_unix_nano`,
        `scope_spans.spans.events.name`,
        `scope_spans.spans.events.attributes.key`,
        `scope_spans.spans.events.attributes.value.string_value`,
        `scope_spans.spans.events.attributes.value.bool_value`,
        `scope_spans.spans.events.attributes.value.int_value`,
        `scope_spans.spans.events.attributes.value.double_value`,
        `scope_spans.spans.events.attributes.value.array_value`,
        `scope_spans.spans.events.attributes.value.kvlist_value`,
        `scope_spans.spans.events.attributes.value.bytes_value`,
        `scope_spans.spans.links.trace_id`,
        `scope_spans.spans.links.span_id`,
        `scope_spans.spans.links.trace_state`,
        `scope_spans.spans.links.attributes.key`,
        `scope_spans.spans.links.attributes.value.string_value`,
        `scope_spans.spans.links.attributes.value.bool_value`,
        `scope_spans.spans.links.attributes.value.int_value`,
        `scope_spans.spans.links.attributes.value.double_value`,
        `scope_spans.spans.links.attributes.value.array_value`,
        `scope_spans.spans.links.attributes.value.kvlist_value`,
        `scope_spans.spans.links.attributes.value.bytes_value`
    FROM otlp_traces_landing
    ARRAY JOIN
        `scope_spans.scope.name`,
        `scope_spans.scope.version`,
        `scope_spans.spans.trace_id`,
        `scope_spans.spans.span_id`,
        `scope_spans.spans.trace_state`,
        `scope_spans.spans.parent_span_id`,
        `scope_spans.spans.name`,
        `scope_spans.spans.kind`,
        `scope_spans.spans.start_time_unix_nano`,
        `scope_spans.spans.end_time_unix_nano`,
        `scope_spans.spans.status.message`,
        `scope_spans.spans.status.code`,
        `scope_spans.spans.attributes.key`,
        `scope_spans.spans.attributes.value.string_value`,
        `scope_spans.spans.attributes.value.bool_value`,
        `scope_spans.spans.attributes.value.int_value`,
        `scope_spans.spans.attributes.value.double_value`,
        `scope_spans.spans.attributes.value.array_value`,
        `scope_spans.spans.attributes.value.kvlist_value`,
        `scope_spans.spans.attributes.value.bytes_value`,
        `scope_spans.spans.events.time_unix_nano`,
        `scope_spans.spans.events.name`,
        `scope_spans.spans.events.attributes.key`,
        `scope_spans.spans.events.attributes.value.string_value`,
        `scope_spans.spans.events.attributes.value.bool_value`,
        `scope_spans.spans.events.attributes.value.int_value`,
        `scope_spans.spans.events.attributes.value.double_value`,
        `scope_spans.spans.events.attributes.value.array_value`,
        `scope_spans.spans.events.attributes.value.kvlist_value`,
        `scope_spans.spans.events.attributes.value.bytes_value`,
        `scope_spans.spans.links.trace_id`,
        `scope_spans.spans.links.span_id`,
        `scope_spans.spans.links.trace_state`,
        `scope_spans.spans.links.attributes.key`,
        `scope_spans.spans.links.attributes.value.string_value`,
        `scope_spans.spans.links.attributes.value.bool_value`,
        `scope_spans.spans.links.attributes.value.int_value`,
        `scope_spans.spans.links.attributes.value.double_value`,
        `scope_spans.spans.links.attributes.value.array_value`,
        `scope_spans.spans.links.attributes.value.kvlist_value`,
        `scope_spans.spans.links.attributes.value.bytes_value`
)
ARRAY JOIN
    `scope_spans.spans.trace_id`,
    `scope_spans.spans.span_id`,
    `scope_spans.spans.trace_state`,
    `scope_spans.spans.parent_span_id`,
    `scope_spans.spans.name`,
    `scope_spans.spans.kind`,
    `scope_spans.spans.start_time_unix_nano`,
    `scope_spans.spans.end_time_unix_nano`,
    `scope_spans.spans.status.message`,
    `scope_spans.spans.status.code`,
    `scope_spans.spans.attributes.key`,
    `scope_spans.spans.attributes.value.string_value`,
    `scope_spans.spans.attributes.value.bool_value`,
    `scope_spans.spans.attributes.value.int_value`,
    `scope_spans.spans.attributes.value.double_value`,
    `scope_spans.spans.attributes.value.array_value`,
    `scope_spans.spans.attributes.value.kvlist_value`,
    `scope_spans.spans.attributes.value.bytes_value`,
    `scope_spans.spans.events.time_unix_nano`,
    `scope_spans.spans.events.name`,
    `scope_spans.spans.events.attributes.key`,
    `scope_spans.spans.events.attributes.value.string_value`,
    `scope_spans.spans.events.attributes.value.bool_value`,
    `scope_spans.spans.events.attributes.value.int_value`,
    `scope_spans.spans.events.attributes.value.double_value`,
    `scope_spans.spans.events.attributes.value.array_value`,
    `scope_spans.spans.events.attributes.value.kvlist_value`,
    `scope_spans.spans.events.attributes.value.bytes_value`,
    `scope_spans.spans.links.trace_id`,
    `scope_spans.spans.links.span_id`,
    `scope_spans.spans.links.trace_state`,
    `scope_spans.spans.links.attributes.key`,
    `scope_spans.spans.links.attributes.value.string_value`,
    `scope_spans.spans.links.attributes.value.bool_value`,
    `scope_spans.spans.links.attributes.value.int_value`,
    `scope_spans.spans.links.attributes.value.double_value`,
    `scope_spans.spans.links.attributes.value.array_value`,
    `scope_spans.spans.links.attributes.value.kvlist_value`,
    `scope_spans.spans.links.attributes.value.bytes_value`
