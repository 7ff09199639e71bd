-- The newest version that was begun, whether it was made from nothing, whether it was finished, and by which software.
SELECT
    Version AS version,
    countIf(Name = 'created') > 0 AS created,
    max(Finished) AS finished,
    argMax(Software, Time) AS software
FROM spanhouse_migrations
GROUP BY Version
ORDER BY Version DESC
LIMIT 1
