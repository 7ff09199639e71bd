-- The increments of an exponential histogram as intervals of values and how many values are in each, by unit, step and
-- group. Where scales differ, buckets are those of the smallest: shifting an index to the right by one joins two
-- neighbours (OpenTelemetry metrics data model, "downscaling"). Negative values come first, the lowest before all; what is
-- counted as zero is an interval without width, since the schema has no column for zero_threshold.
WITH
    min(Coarsest) AS scale,
    sumMap(arrayMap(index -> bitShiftRight(index, PointScale - Coarsest), Positive.1), Positive.2) AS positive,
    sumMap(arrayMap(index -> bitShiftRight(index, PointScale - Coarsest), Negative.1), Negative.2) AS negative
SELECT
    'exponential_histogram' AS Type,
    Unit,
    Step{keys:Fragment},
    sum(Recorded) AS Values,
    sum(Added) AS Total,
    min(Least) AS Min,
    max(Most) AS Max,
    sum(Unbounded) AS Boundless,
    sum(Earlier) AS Before,
    sum(Unknown) AS Left,
    toNullable(scale) AS Scale,
    arrayConcat(
        arrayReverse(arrayMap((index, values) -> (-exp2((index + 1) / exp2(scale)), -exp2(index / exp2(scale)), values), negative.1, negative.2)),
        [(0., 0., sum(Zeros))],
        arrayMap((index, values) -> (exp2(index / exp2(scale)), exp2((index + 1) / exp2(scale)), values), positive.1, positive.2)
    ) AS Intervals
FROM
(
    SELECT
        Unit,
        Step{keys:Fragment},
        PointScale,
        min(PointScale) OVER (PARTITION BY Unit, Step{keys:Fragment}) AS Coarsest,
        Recorded, Added, Least, Most, Unbounded, Earlier, Unknown, Zeros, Positive, Negative
    FROM
    (
        SELECT
            Unit,
            Step{keys:Fragment},
            Scale AS PointScale,
            sum(Sign * toInt64(Count)) AS Recorded,
            sum(Sign * Sum) AS Added,
            min(if(Sign = 1, Min, inf)) AS Least,
            max(if(Sign = 1, Max, -inf)) AS Most,
            countIf(Sign = 1 AND Min = 0 AND Max = 0) AS Unbounded,
            countIf(Sign = -1) AS Earlier,
            countIf(Sign = 0) AS Unknown,
            sum(Sign * toInt64(ZeroCount)) AS Zeros,
            sumMap(
                arrayMap(place -> PositiveOffset + toInt32(place) - 1, arrayEnumerate(PositiveBucketCounts)),
                arrayMap(values -> Sign * toInt64(values), PositiveBucketCounts)
            ) AS Positive,
            sumMap(
                arrayMap(place -> NegativeOffset + toInt32(place) - 1, arrayEnumerate(NegativeBucketCounts)),
                arrayMap(values -> Sign * toInt64(values), NegativeBucketCounts)
            ) AS Negative
        FROM ({increments:Fragment})
        GROUP BY Unit, Step{keys:Fragment}, Scale
    )
)
GROUP BY Unit, Step{keys:Fragment}
