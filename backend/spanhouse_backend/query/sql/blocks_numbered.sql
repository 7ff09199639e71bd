-- Whether parts that are merged keep the number of each row's insert: 1 or 0.
SELECT countIf(engine_full LIKE '%enable_block_number_column = 1%') AS numbered
FROM system.tables
WHERE database = currentDatabase() AND name = 'otel_traces'
