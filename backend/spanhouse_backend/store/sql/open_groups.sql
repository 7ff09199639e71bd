-- Groups and changes of the schema that were begun and are not ended, oldest first: whose they are, and for how many
-- seconds. A change of the schema has no landing table, and says again and again that it goes on.
SELECT
    Token AS token,
    Server AS server,
    Landing AS landing,
    dateDiff('second', max(Time), now64(3)) AS seconds
FROM spanhouse_inflight
WHERE NOT Ended
    AND (Token, Server) NOT IN (SELECT Token, Server FROM spanhouse_inflight WHERE Ended)
    AND Token NOT IN (SELECT Token FROM spanhouse_inflight WHERE Ended AND Server = '')
    AND Time > now() - INTERVAL 12 HOUR
GROUP BY Token, Server, Landing
ORDER BY min(Time)
