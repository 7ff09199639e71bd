-- How many spans, or log records, of each request of a group were refused, and what was wrong with most of them.
SELECT
    lower(hex(Batch)) AS identity,
    toUInt32(count()) AS records,
    topK(1)(Reason)[1] AS reason
FROM spanhouse_rejected
-- FixedString on both sides: turned into a String for the comparison, an identity would lose the zeros it ends with.
WHERE Batch IN (SELECT toFixedString(unhex(arrayJoin({identities:Array(String)})), 16))
GROUP BY Batch
