-- One group that was begun and is not ended for all; nothing when it is.
SELECT
    Landing AS landing,
    Schema AS schema,
    arrayMap(identity -> hex(identity), Identities) AS identities,
    base64Encode(Body) AS body
FROM spanhouse_inflight
WHERE Token = {token:String}
    AND NOT Ended
    AND Body != ''
    AND Token NOT IN (SELECT Token FROM spanhouse_inflight WHERE Ended AND Server = '')
LIMIT 1
