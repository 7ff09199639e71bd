-- In which interval of a metric's values that of each rank lies, by type, unit, step and group: above `above`, up to `up_to`,
-- and as far between them as `reached` says (0 to 1) if values lie evenly there. `levels` are shares of all values. Where
-- all senders say what their extremes were, no interval reaches beyond.
WITH
    arrayFilter(interval -> interval.3 > 0, Intervals) AS filled,
    arrayCumSum(filled.3) AS cumulated,
    arrayMap(level -> level * arraySum(filled.3), {levels:Array(Float64)}) AS ranks,
    -- The rank is a whole number; what multiplying adds to it is not.
    arrayMap(rank -> arrayFirstIndex(values -> values > 0 AND values >= rank - 1e-9 * values, cumulated), ranks) AS places
SELECT
    Type AS type,
    Unit AS unit,
    Step AS step,
    [{listed_keys:Fragment}] AS keys,
    Values AS count,
    Total AS sum,
    Scale AS scale,
    Min AS min,
    Max AS max,
    Boundless = 0 AS bounded,
    Before = 0 AS whole,
    Left AS left_out,
    arrayMap(place -> if(bounded, greatest(filled[place].1, Min), filled[place].1), places) AS above,
    arrayMap(place -> if(bounded, least(filled[place].2, Max), filled[place].2), places) AS up_to,
    arrayMap(
        (rank, place) -> greatest(0, least(1, (rank - cumulated[place]) / filled[place].3 + 1)), ranks, places
    ) AS reached
FROM ({explicit:Fragment} UNION ALL {exponential:Fragment})
ORDER BY step, count DESC, type, unit, keys
LIMIT {limit:UInt32}
