-- The increments of a histogram with explicit bounds as intervals of values and how many values are in each, by unit, step
-- and group. Bounds that not all of them have merge away: up to each common bound the count is exact. The first interval
-- begins at -inf, the last one ends at inf.
WITH
    arraySort(groupArrayIntersect(ExplicitBounds)) AS bounds,
    groupArray((ExplicitBounds, arrayCumSum(Counts))) AS parts,
    arrayPushBack(arrayMap(bound -> arraySum(part -> part.2[indexOf(part.1, bound)], parts), bounds), Values) AS cumulated
SELECT
    'histogram' AS Type,
    Unit,
    Step{keys:Fragment},
    sum(Recorded) AS Values,
    sum(Added) AS Total,
    min(Least) AS Min,
    max(Most) AS Max,
    sum(Unbounded) AS Boundless,
    sum(Earlier) AS Before,
    sum(Unknown) AS Left,
    NULL AS Scale,
    arrayZip(
        arrayPushFront(bounds, -inf),
        arrayPushBack(bounds, inf),
        arrayPopFront(arrayDifference(arrayPushFront(cumulated, 0)))
    ) AS Intervals
FROM
(
    SELECT
        Unit,
        Step{keys:Fragment},
        ExplicitBounds,
        sum(Sign * toInt64(Count)) AS Recorded,
        sum(Sign * Sum) AS Added,
        min(if(Sign = 1, Min, inf)) AS Least,
        max(if(Sign = 1, Max, -inf)) AS Most,
        countIf(Sign = 1 AND Min = 0 AND Max = 0) AS Unbounded,
        countIf(Sign = -1) AS Earlier,
        countIf(Sign = 0) AS Unknown,
        sumForEach(arrayMap(values -> Sign * toInt64(values), BucketCounts)) AS Counts
    FROM ({increments:Fragment})
    GROUP BY Unit, Step{keys:Fragment}, ExplicitBounds
)
GROUP BY Unit, Step{keys:Fragment}
