-- Which of these requests are stored, and how they were answered; and, as a row without a request, how many of our views
-- and pass-through tables carry the mark of the text that this software wants.
SELECT
    lower(hex(Identity)) AS identity,
    any(RejectedSpans) AS number,
    any(RejectedFor) AS reason
FROM spanhouse_batches
WHERE Time > now() - INTERVAL 1 DAY
    AND Identity IN (SELECT toFixedString(unhex(arrayJoin({identities:Array(String)})), 16))
GROUP BY Identity
UNION ALL
SELECT '', toUInt32(count()), ''
FROM system.tables
WHERE database = currentDatabase() AND comment IN {marks:Array(String)}
