-- The number of the newest insert into otel_traces that there is anything left of. The engine counts the blocks that it
-- inserts, and a part is named after the first and the last it holds.
SELECT max(max_block_number) AS block
FROM system.parts
WHERE database = currentDatabase() AND table = 'otel_traces'
