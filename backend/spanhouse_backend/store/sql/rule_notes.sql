-- The newest row of one rule, or of each.
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
    Finding AS finding,
    Told AS told,
    Gone AS gone
FROM spanhouse_rules FINAL
WHERE {rule:String} IN ('', Rule)
