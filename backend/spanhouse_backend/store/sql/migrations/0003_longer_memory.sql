-- A group that a dead server left half-way is taken over after a minute, in which others may have made more inserts than a
-- table remembered.
ALTER TABLE {table:Identifier} MODIFY SETTING non_replicated_deduplication_window = 10000
