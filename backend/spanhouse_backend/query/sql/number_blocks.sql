-- From here on parts that are merged keep the number of each row's insert, so that what is new can be told from what
-- is not. It costs merges of small parts half as much again, so it is done only while somebody watches.
ALTER TABLE otel_traces MODIFY SETTING enable_block_number_column = 1
