-- Nobody watches any more: merges need not keep the numbers of inserts.
ALTER TABLE otel_traces RESET SETTING enable_block_number_column
