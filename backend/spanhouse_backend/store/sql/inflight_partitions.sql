-- Five minutes of spanhouse_inflight that nobody needs any more, oldest first: everything before the first row that is
-- still open, and nothing younger than ten minutes, since an ended row may be in a later partition than its beginning.
WITH
    (
        SELECT min(Time)
        FROM spanhouse_inflight
        WHERE NOT Ended
            AND (Token, Server) NOT IN (SELECT Token, Server FROM spanhouse_inflight WHERE Ended)
            AND Token NOT IN (SELECT Token FROM spanhouse_inflight WHERE Ended AND Server = '')
    ) AS first_open
SELECT _partition_id AS partition
FROM spanhouse_inflight
GROUP BY partition
HAVING max(Time) < now() - INTERVAL 10 MINUTE AND (first_open = toDateTime64(0, 3) OR max(Time) < first_open)
ORDER BY max(Time)
