-- The schema of version 2, as `spanhouse schema` printed it, for tests that begin with data of that version.
CREATE TABLE IF NOT EXISTS spanhouse_migrations
(
    Version UInt32,
    Name String,
    Checksum String,
    Software String,
    Finished Bool,
    Time DateTime64(3) DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (Version, Time);

CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts
(
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span_durations_1m
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    Bucket Int16 CODEC(Delta, ZSTD(1)),
    Calls UInt64 CODEC(T64, ZSTD(1)),
    DurationSum UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree((Calls, DurationSum))
PARTITION BY toDate(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span_durations_1h
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    Bucket Int16 CODEC(Delta, ZSTD(1)),
    Calls UInt64 CODEC(T64, ZSTD(1)),
    DurationSum UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree((Calls, DurationSum))
PARTITION BY toYYYYMM(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span_stats_1m
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    DurationMin SimpleAggregateFunction(min, UInt64) CODEC(T64, ZSTD(1)),
    DurationMax SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    DurationSquares SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    Slowest SimpleAggregateFunction(max, Tuple(Duration UInt64, TraceId String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span_stats_1h
(
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    Time DateTime CODEC(Delta, ZSTD(1)),
    DurationMin SimpleAggregateFunction(min, UInt64) CODEC(T64, ZSTD(1)),
    DurationMax SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    DurationSquares SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    Slowest SimpleAggregateFunction(max, Tuple(Duration UInt64, TraceId String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Time)
ORDER BY (ServiceName, SpanName, SpanKind, StatusCode, Time)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS spanhouse_batches
(
    Identity FixedString(16) CODEC(NONE),
    RejectedSpans UInt32 CODEC(T64, ZSTD(1)),
    RejectedFor String CODEC(ZSTD(1)),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Time
TTL Time + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS spanhouse_rejected
(
    Batch FixedString(16) CODEC(NONE),
    Time DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    Reason LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    StartUnixNano UInt64 CODEC(ZSTD(1)),
    EndUnixNano UInt64 CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Time)
ORDER BY Batch
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT
    TraceId,
    min(Timestamp) AS Start,
    max(Timestamp) AS End
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;

ALTER TABLE otel_traces_trace_id_ts_mv MODIFY COMMENT 'spanhouse 1e694add89b26df5';

CREATE MATERIALIZED VIEW IF NOT EXISTS span_durations_1h_mv TO span_durations_1h AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfHour(span_durations_1m.Time, 'UTC') AS Time,
    Bucket,
    sum(Calls) AS Calls,
    sum(DurationSum) AS DurationSum
FROM span_durations_1m
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket;

ALTER TABLE span_durations_1h_mv MODIFY COMMENT 'spanhouse 8b85d55ab26701a5';

CREATE MATERIALIZED VIEW IF NOT EXISTS span_durations_1m_mv TO span_durations_1m AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfMinute(Timestamp) AS Time,
    if(Duration = 0, -32768, toInt16(ceil(log2(Duration) * 64) - 1)) AS Bucket,
    count() AS Calls,
    sum(Duration) AS DurationSum
FROM otel_traces
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket;

ALTER TABLE span_durations_1m_mv MODIFY COMMENT 'spanhouse 18efd2403577b958';

CREATE MATERIALIZED VIEW IF NOT EXISTS span_stats_1h_mv TO span_stats_1h AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfHour(span_stats_1m.Time, 'UTC') AS Time,
    min(DurationMin) AS DurationMin,
    max(DurationMax) AS DurationMax,
    sum(DurationSquares) AS DurationSquares,
    max(Slowest) AS Slowest
FROM span_stats_1m
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time;

ALTER TABLE span_stats_1h_mv MODIFY COMMENT 'spanhouse 9bbb52410fd8622c';

CREATE MATERIALIZED VIEW IF NOT EXISTS span_stats_1m_mv TO span_stats_1m AS
SELECT
    ServiceName,
    SpanName,
    SpanKind,
    StatusCode,
    toStartOfMinute(Timestamp) AS Time,
    min(Duration) AS DurationMin,
    max(Duration) AS DurationMax,
    sum(toFloat64(Duration) * Duration) AS DurationSquares,
    max((Duration, TraceId)) AS Slowest
FROM otel_traces
GROUP BY ServiceName, SpanName, SpanKind, StatusCode, Time;

ALTER TABLE span_stats_1m_mv MODIFY COMMENT 'spanhouse 3526d602a37f747e';

CREATE TABLE IF NOT EXISTS otlp_spans
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    ParentSpanId String,
    TraceState String,
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeName String,
    ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String),
    Duration UInt64,
    StatusCode LowCardinality(String),
    StatusMessage String,
    Events Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ),
    Links Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ),
    Batch String,
    StartUnixNano UInt64,
    EndUnixNano UInt64,
    Rejected LowCardinality(String)
)
ENGINE = Null;

ALTER TABLE otlp_spans MODIFY COMMENT 'spanhouse 7044cab0e7aeb468';

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_mv TO otel_traces AS
SELECT
    Timestamp,
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    SpanName,
    SpanKind,
    ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    SpanAttributes,
    Duration,
    StatusCode,
    StatusMessage,
    `Events.Timestamp`,
    `Events.Name`,
    `Events.Attributes`,
    `Links.TraceId`,
    `Links.SpanId`,
    `Links.TraceState`,
    `Links.Attributes`
FROM otlp_spans
WHERE Rejected = '';

ALTER TABLE otel_traces_mv MODIFY COMMENT 'spanhouse 078c450d06e584ae';

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
WHERE Rejected != '';

ALTER TABLE spanhouse_rejected_mv MODIFY COMMENT 'spanhouse ac5a0f65ad703dec';

CREATE TABLE IF NOT EXISTS otlp_traces_landing
(
    `receipt.identity` String,
    `receipt.earliest_unix_nano` UInt64,
    `receipt.latest_unix_nano` UInt64,
    `resource.attributes.key` Array(String),
    `resource.attributes.value.string_value` Array(Nullable(String)),
    `resource.attributes.value.bool_value` Array(Nullable(String)),
    `resource.attributes.value.int_value` Array(Nullable(String)),
    `resource.attributes.value.double_value` Array(Nullable(String)),
    `resource.attributes.value.array_value` Array(Nullable(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String)))))),
    `resource.attributes.value.kvlist_value` Array(Nullable(Tuple(values Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String))))))),
    `resource.attributes.value.bytes_value` Array(Nullable(String)),
    `scope_spans.scope.name` Array(String),
    `scope_spans.scope.version` Array(String),
    `scope_spans.spans.trace_id` Array(Array(String)),
    `scope_spans.spans.span_id` Array(Array(String)),
    `scope_spans.spans.trace_state` Array(Array(String)),
    `scope_spans.spans.parent_span_id` Array(Array(String)),
    `scope_spans.spans.name` Array(Array(String)),
    `scope_spans.spans.kind` Array(Array(Int32)),
    `scope_spans.spans.start_time_unix_nano` Array(Array(UInt64)),
    `scope_spans.spans.end_time_unix_nano` Array(Array(UInt64)),
    `scope_spans.spans.status.message` Array(Array(String)),
    `scope_spans.spans.status.code` Array(Array(Int32)),
    `scope_spans.spans.attributes.key` Array(Array(Array(String))),
    `scope_spans.spans.attributes.value.string_value` Array(Array(Array(Nullable(String)))),
    `scope_spans.spans.attributes.value.bool_value` Array(Array(Array(Nullable(String)))),
    `scope_spans.spans.attributes.value.int_value` Array(Array(Array(Nullable(String)))),
    `scope_spans.spans.attributes.value.double_value` Array(Array(Array(Nullable(String)))),
    `scope_spans.spans.attributes.value.array_value` Array(Array(Array(Nullable(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String)))))))),
    `scope_spans.spans.attributes.value.kvlist_value` Array(Array(Array(Nullable(Tuple(values Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String))))))))),
    `scope_spans.spans.attributes.value.bytes_value` Array(Array(Array(Nullable(String)))),
    `scope_spans.spans.events.time_unix_nano` Array(Array(Array(UInt64))),
    `scope_spans.spans.events.name` Array(Array(Array(String))),
    `scope_spans.spans.events.attributes.key` Array(Array(Array(Array(String)))),
    `scope_spans.spans.events.attributes.value.string_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.events.attributes.value.bool_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.events.attributes.value.int_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.events.attributes.value.double_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.events.attributes.value.array_value` Array(Array(Array(Array(Nullable(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String))))))))),
    `scope_spans.spans.events.attributes.value.kvlist_value` Array(Array(Array(Array(Nullable(Tuple(values Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String)))))))))),
    `scope_spans.spans.events.attributes.value.bytes_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.links.trace_id` Array(Array(Array(String))),
    `scope_spans.spans.links.span_id` Array(Array(Array(String))),
    `scope_spans.spans.links.trace_state` Array(Array(Array(String))),
    `scope_spans.spans.links.attributes.key` Array(Array(Array(Array(String)))),
    `scope_spans.spans.links.attributes.value.string_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.links.attributes.value.bool_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.links.attributes.value.int_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.links.attributes.value.double_value` Array(Array(Array(Array(Nullable(String))))),
    `scope_spans.spans.links.attributes.value.array_value` Array(Array(Array(Array(Nullable(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String))))))))),
    `scope_spans.spans.links.attributes.value.kvlist_value` Array(Array(Array(Array(Nullable(Tuple(values Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), array_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String)))))))))),
    `scope_spans.spans.links.attributes.value.bytes_value` Array(Array(Array(Array(Nullable(String)))))
)
ENGINE = Null
SETTINGS allow_experimental_nullable_tuple_type = 1;

ALTER TABLE otlp_traces_landing MODIFY COMMENT 'spanhouse 4afd8f28ba894c4e';

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_spans_mv TO otlp_spans AS
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
    `scope_spans.spans.end_time_unix_nano` - `scope_spans.spans.start_time_unix_nano` AS Duration,
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
    ) AS `Links.Attributes`,
    identity AS Batch,
    `scope_spans.spans.start_time_unix_nano` AS StartUnixNano,
    `scope_spans.spans.end_time_unix_nano` AS EndUnixNano,
    multiIf(
        length(`scope_spans.spans.trace_id`) != 16 OR `scope_spans.spans.trace_id` = unhex('00000000000000000000000000000000'), 'invalid trace_id',
        length(`scope_spans.spans.span_id`) != 8 OR `scope_spans.spans.span_id` = unhex('0000000000000000'), 'invalid span_id',
        length(`scope_spans.spans.parent_span_id`) NOT IN (0, 8), 'invalid parent_span_id',
        `scope_spans.spans.end_time_unix_nano` < `scope_spans.spans.start_time_unix_nano`, 'ends before it starts',
        `scope_spans.spans.start_time_unix_nano` < earliest, 'starts too long ago',
        latest != 0 AND `scope_spans.spans.start_time_unix_nano` > latest, 'starts in the future',
        ''
    ) AS Rejected
FROM
(
    SELECT
        `receipt.identity` AS identity,
        `receipt.earliest_unix_nano` AS earliest,
        `receipt.latest_unix_nano` AS latest,
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
    `scope_spans.spans.links.attributes.value.bytes_value`;

ALTER TABLE otlp_spans_mv MODIFY COMMENT 'spanhouse e8503d57a857e085';

ALTER TABLE otel_traces MODIFY TTL toDateTime(Timestamp) + toIntervalSecond(2592000);

ALTER TABLE otel_traces_trace_id_ts MODIFY TTL toDateTime(End) + toIntervalSecond(2592000);

ALTER TABLE span_durations_1m MODIFY TTL toDateTime(Time) + toIntervalSecond(7776000);

ALTER TABLE span_stats_1m MODIFY TTL toDateTime(Time) + toIntervalSecond(7776000);

ALTER TABLE span_durations_1h MODIFY TTL toDateTime(Time) + toIntervalSecond(63072000);

ALTER TABLE span_stats_1h MODIFY TTL toDateTime(Time) + toIntervalSecond(63072000);

ALTER TABLE spanhouse_rejected MODIFY TTL toDateTime(Time) + toIntervalSecond(2592000);

INSERT INTO spanhouse_migrations (Version, Name, Checksum, Software, Finished)
SELECT 2, 'created', 'fe95bc4c442253fa', '0.1.0', 1;
