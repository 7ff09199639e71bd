-- Frees the space of groups that are settled.
ALTER TABLE spanhouse_inflight DROP PARTITION ID {partition:String}
