-- Claims of others, or of other tries of ours, to some of these requests, and which; a change of the schema that goes on
-- holds none of them, and all.
WITH arrayMap(one -> toFixedString(unhex(one), 16), {identities:Array(String)}) AS asked
SELECT
    Server AS server,
    arrayMap(identity -> lower(hex(identity)), arrayIntersect(Identities, asked)) AS shared
FROM spanhouse_inflight
WHERE NOT Ended
    AND Token != {token:String}
    AND if(Landing = '', Time > now() - INTERVAL 1 MINUTE, hasAny(Identities, asked))
    AND Time > now() - INTERVAL 12 HOUR
    AND (Token, Server) NOT IN (SELECT Token, Server FROM spanhouse_inflight WHERE Ended)
    AND Token NOT IN (SELECT Token FROM spanhouse_inflight WHERE Ended AND Server = '')
