-- Which metrics have points, by name, type and unit, the name first.
SELECT
    name,
    type,
    unit,
    -- of several, the same one each time
    max(Description) AS description,
    arraySort(groupUniqArrayArray(Services)) AS services,
    sum(Points) AS points,
    min(First) AS first_unix_ns,
    max(Last) AS last_unix_ns
FROM ({points:Fragment})
GROUP BY name, type, unit
ORDER BY name, type, unit
LIMIT {limit:UInt32}
