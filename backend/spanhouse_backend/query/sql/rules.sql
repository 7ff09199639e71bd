-- The newest row of each rule that is in the file: those in trouble first, then by name.
SELECT
    Rule AS rule,
    Kind AS kind,
    Means AS means,
    Description AS description,
    State AS state,
    SinceUnixNano AS since_unix_ns,
    EvaluatedUnixNano AS evaluated_unix_ns,
    ToldUnixNano AS told_unix_ns,
    Summary AS summary,
    Problem AS problem,
    Finding AS finding
FROM spanhouse_rules FINAL
WHERE NOT Gone
ORDER BY indexOf(['ok', 'unknown', 'resolved', 'pending', 'firing'], State) DESC, Rule
LIMIT {limit:UInt32}
