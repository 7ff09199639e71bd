-- Notes the requests of a group, identities in hexadecimal, once the group is in every table.
INSERT INTO spanhouse_batches (Identity, RejectedSpans, RejectedFor)
SELECT unhex(identity), records, reason
FROM
(
    SELECT
        {identities:Array(String)} AS identities,
        {records:Array(UInt32)} AS all_records,
        {reasons:Array(String)} AS reasons
)
ARRAY JOIN identities AS identity, all_records AS records, reasons AS reason
