-- Data points on their way from the landing table, one row each, in the columns of all otel_metrics_* together: from here
-- good ones go to the table of their Kind (1 gauge, 2 sum, 3 histogram, 4 exponential histogram, 5 summary) and others to
-- spanhouse_rejected. Engine Null: nothing is kept here. BucketCounts are an exponential histogram's positive ones. The last
-- columns say which request a point came with, its times as sent, and why it is refused ('' when it is not).
CREATE TABLE IF NOT EXISTS otlp_data_points
(
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl String,
    ScopeName String,
    ScopeVersion String,
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl String,
    ServiceName LowCardinality(String),
    MetricName String,
    MetricDescription String,
    MetricUnit String,
    Attributes Map(LowCardinality(String), String),
    StartTimeUnix DateTime64(9),
    TimeUnix DateTime64(9),
    Kind UInt8,
    Value Float64,
    AggregationTemporality Int32,
    IsMonotonic Bool,
    Count UInt64,
    Sum Float64,
    Min Float64,
    Max Float64,
    BucketCounts Array(UInt64),
    ExplicitBounds Array(Float64),
    Scale Int32,
    ZeroCount UInt64,
    PositiveOffset Int32,
    NegativeOffset Int32,
    NegativeBucketCounts Array(UInt64),
    ValueAtQuantiles Nested
    (
        Quantile Float64,
        Value Float64
    ),
    Flags UInt32,
    Exemplars Nested
    (
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String
    ),
    Batch String,
    StartUnixNano UInt64,
    UnixNano UInt64,
    Rejected LowCardinality(String)
)
ENGINE = Null
