-- The whole mapping from OTLP's log records to columns, and what is wrong with one, if anything. As in otlp_spans_mv the
-- inner SELECT makes a row per scope and the outer ARRAY JOIN a row per record; value_text and element_json are the same.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_mv TO otlp_logs AS
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
    -- logs.proto, LogRecord.time_unix_nano: when it is unknown, when it was observed stands for it. Nobody said that
    -- either: it is observed now.
    multiIf(
        `scope_logs.log_records.time_unix_nano` != 0, fromUnixTimestamp64Nano(toInt64(`scope_logs.log_records.time_unix_nano`)),
        `scope_logs.log_records.observed_time_unix_nano` != 0, fromUnixTimestamp64Nano(toInt64(`scope_logs.log_records.observed_time_unix_nano`)),
        now64(9)
    ) AS Timestamp,
    -- logs.proto, LogRecord.trace_id and span_id: a receiver takes one that is not valid for one that is not there.
    if(
        length(`scope_logs.log_records.trace_id`) = 16 AND `scope_logs.log_records.trace_id` != unhex('00000000000000000000000000000000'),
        lower(hex(`scope_logs.log_records.trace_id`)),
        ''
    ) AS TraceId,
    if(
        length(`scope_logs.log_records.span_id`) = 8 AND `scope_logs.log_records.span_id` != unhex('0000000000000000'),
        lower(hex(`scope_logs.log_records.span_id`)),
        ''
    ) AS SpanId,
    -- The lowest eight bits are the W3C flags; the others are reserved.
    toUInt8(bitAnd(`scope_logs.log_records.flags`, 255)) AS TraceFlags,
    `scope_logs.log_records.severity_text` AS SeverityText,
    if(`scope_logs.log_records.severity_number` BETWEEN 0 AND 255, toUInt8(`scope_logs.log_records.severity_number`), 0) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    value_text(
        `scope_logs.log_records.body.string_value`,
        `scope_logs.log_records.body.bool_value`,
        `scope_logs.log_records.body.int_value`,
        `scope_logs.log_records.body.double_value`,
        `scope_logs.log_records.body.array_value`,
        `scope_logs.log_records.body.kvlist_value`,
        `scope_logs.log_records.body.bytes_value`
    ) AS Body,
    schema_url AS ResourceSchemaUrl,
    ResourceAttributes,
    `scope_logs.schema_url` AS ScopeSchemaUrl,
    `scope_logs.scope.name` AS ScopeName,
    `scope_logs.scope.version` AS ScopeVersion,
    ScopeAttributes,
    mapFromArrays(
        `scope_logs.log_records.attributes.key`,
        arrayMap(
            (s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y),
            `scope_logs.log_records.attributes.value.string_value`,
            `scope_logs.log_records.attributes.value.bool_value`,
            `scope_logs.log_records.attributes.value.int_value`,
            `scope_logs.log_records.attributes.value.double_value`,
            `scope_logs.log_records.attributes.value.array_value`,
            `scope_logs.log_records.attributes.value.kvlist_value`,
            `scope_logs.log_records.attributes.value.bytes_value`
        )
    ) AS LogAttributes,
    `scope_logs.log_records.event_name` AS EventName,
    identity AS Batch,
    `scope_logs.log_records.time_unix_nano` AS UnixNano,
    `scope_logs.log_records.observed_time_unix_nano` AS ObservedUnixNano,
    multiIf(
        toUnixTimestamp64Nano(Timestamp) < earliest, 'made too long ago',
        latest != 0 AND toUnixTimestamp64Nano(Timestamp) > latest, 'made in the future',
        ''
    ) AS Rejected
FROM
(
    SELECT
        `receipt.identity` AS identity,
        `receipt.earliest_unix_nano` AS earliest,
        `receipt.latest_unix_nano` AS latest,
        schema_url,
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
        `scope_logs.schema_url`,
        `scope_logs.scope.name`,
        `scope_logs.scope.version`,
        mapFromArrays(
            `scope_logs.scope.attributes.key`,
            arrayMap(
                (s, b, i, d, a, k, y) -> value_text(s, b, i, d, a, k, y),
                `scope_logs.scope.attributes.value.string_value`,
                `scope_logs.scope.attributes.value.bool_value`,
                `scope_logs.scope.attributes.value.int_value`,
                `scope_logs.scope.attributes.value.double_value`,
                `scope_logs.scope.attributes.value.array_value`,
                `scope_logs.scope.attributes.value.kvlist_value`,
                `scope_logs.scope.attributes.value.bytes_value`
            )
        ) AS ScopeAttributes,
        `scope_logs.log_records.time_unix_nano`,
        `scope_logs.log_records.observed_time_unix_nano`,
        `scope_logs.log_records.severity_number`,
        `scope_logs.log_records.severity_text`,
        `scope_logs.log_records.body.string_value`,
        `scope_logs.log_records.body.bool_value`,
        `scope_logs.log_records.body.int_value`,
        `scope_logs.log_records.body.double_value`,
        `scope_logs.log_records.body.array_value`,
        `scope_logs.log_records.body.kvlist_value`,
        `scope_logs.log_records.body.bytes_value`,
        `scope_logs.log_records.attributes.key`,
        `scope_logs.log_records.attributes.value.string_value`,
        `scope_logs.log_records.attributes.value.bool_value`,
        `scope_logs.log_records.attributes.value.int_value`,
        `scope_logs.log_records.attributes.value.double_value`,
        `scope_logs.log_records.attributes.value.array_value`,
        `scope_logs.log_records.attributes.value.kvlist_value`,
        `scope_logs.log_records.attributes.value.bytes_value`,
        `scope_logs.log_records.flags`,
        `scope_logs.log_records.trace_id`,
        `scope_logs.log_records.span_id`,
        `scope_logs.log_records.event_name`
    FROM otlp_logs_landing
    ARRAY JOIN
        `scope_logs.schema_url`,
        `scope_logs.scope.name`,
        `scope_logs.scope.version`,
        `scope_logs.scope.attributes.key`,
        `scope_logs.scope.attributes.value.string_value`,
        `scope_logs.scope.attributes.value.bool_value`,
        `scope_logs.scope.attributes.value.int_value`,
        `scope_logs.scope.attributes.value.double_value`,
        `scope_logs.scope.attributes.value.array_value`,
        `scope_logs.scope.attributes.value.kvlist_value`,
        `scope_logs.scope.attributes.value.bytes_value`,
        `scope_logs.log_records.time_unix_nano`,
        `scope_logs.log_records.observed_time_unix_nano`,
        `scope_logs.log_records.severity_number`,
        `scope_logs.log_records.severity_text`,
        `scope_logs.log_records.body.string_value`,
        `scope_logs.log_records.body.bool_value`,
        `scope_logs.log_records.body.int_value`,
        `scope_logs.log_records.body.double_value`,
        `scope_logs.log_records.body.array_value`,
        `scope_logs.log_records.body.kvlist_value`,
        `scope_logs.log_records.body.bytes_value`,
        `scope_logs.log_records.attributes.key`,
        `scope_logs.log_records.attributes.value.string_value`,
        `scope_logs.log_records.attributes.value.bool_value`,
        `scope_logs.log_records.attributes.value.int_value`,
        `scope_logs.log_records.attributes.value.double_value`,
        `scope_logs.log_records.attributes.value.array_value`,
        `scope_logs.log_records.attributes.value.kvlist_value`,
        `scope_logs.log_records.attributes.value.bytes_value`,
        `scope_logs.log_records.flags`,
        `scope_logs.log_records.trace_id`,
        `scope_logs.log_records.span_id`,
        `scope_logs.log_records.event_name`
)
ARRAY JOIN
    `scope_logs.log_records.time_unix_nano`,
    `scope_logs.log_records.observed_time_unix_nano`,
    `scope_logs.log_records.severity_number`,
    `scope_logs.log_records.severity_text`,
    `scope_logs.log_records.body.string_value`,
    `scope_logs.log_records.body.bool_value`,
    `scope_logs.log_records.body.int_value`,
    `scope_logs.log_records.body.double_value`,
    `scope_logs.log_records.body.array_value`,
    `scope_logs.log_records.body.kvlist_value`,
    `scope_logs.log_records.body.bytes_value`,
    `scope_logs.log_records.attributes.key`,
    `scope_logs.log_records.attributes.value.string_value`,
    `scope_logs.log_records.attributes.value.bool_value`,
    `scope_logs.log_records.attributes.value.int_value`,
    `scope_logs.log_records.attributes.value.double_value`,
    `scope_logs.log_records.attributes.value.array_value`,
    `scope_logs.log_records.attributes.value.kvlist_value`,
    `scope_logs.log_records.attributes.value.bytes_value`,
    `scope_logs.log_records.flags`,
    `scope_logs.log_records.trace_id`,
    `scope_logs.log_records.span_id`,
    `scope_logs.log_records.event_name`
