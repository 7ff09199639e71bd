-- The requests stored last, newest first, for a server that starts.
SELECT
    lower(hex(Identity)) AS identity,
    RejectedSpans AS records,
    RejectedFor AS reason
FROM spanhouse_batches
WHERE Time > now() - {window_seconds:UInt32}
ORDER BY Time DESC
LIMIT {limit:UInt32}
