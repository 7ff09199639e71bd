-- Notes the requests of a group, identities in hexadecimal, once the group is in every table.
INSERT INTO spanhouse_batches (Identity, RejectedSpans, RejectedFor)
SELECT unhex(identity), spans, reason
FROM
(
    SELECT
        {identities:Array(String)} AS identities,
        {spans:Array(UInt32)} AS all_spans,
        {reasons:Array(String)} AS reasons
)
ARRAY JOIN identities AS identity, all_spans AS spans, reasons AS reason
