-- Where requests land: one row per OTLP ResourceSpans, decoded by the engine itself (FORMAT ProtobufList with
-- landing.proto) and passed to otlp_spans_mv. Engine Null: nothing is kept here. A dotted name is a path through
-- the message, one Array per repeated field on it; `receipt` is the receiver's own. Scalars of an attribute value are read as text, and each is
-- Nullable, because exactly one is not NULL when the value is set: so 0, false and '' are told from absent.
-- Arrays and key-value lists are Nullable tuples for the same reason: an empty list is not an absent value.
-- What is nested inside them again stays undecoded, as the bytes of its own OTLP encoding.
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
SETTINGS allow_experimental_nullable_tuple_type = 1
