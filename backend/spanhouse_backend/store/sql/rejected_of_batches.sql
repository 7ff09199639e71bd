-- How many spans of each request of a group were refused, and what was wrong with most of them.
SELECT
    lower(hex(Batch)) AS identity,
    toUInt32(count()) AS spans,
    topK(1)(Reason)[1] AS reason
FROM spanhouse_rejected
WHERE Batch IN (SELECT unhex(arrayJoin({identities:Array(String)})))
GROUP BY Batch
