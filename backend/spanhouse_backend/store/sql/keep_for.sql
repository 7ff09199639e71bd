-- Rows go some time after the moment in `column`. Tables have ttl_only_drop_parts, so that only whole parts go, and the
-- engine needs to read nothing but that column to learn when.
ALTER TABLE {table:Identifier} MODIFY TTL toDateTime({column:Identifier}) + toIntervalSecond({seconds:UInt32})
