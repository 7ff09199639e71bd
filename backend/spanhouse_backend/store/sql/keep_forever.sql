-- An error on a table without a TTL.
ALTER TABLE {table:Identifier} REMOVE TTL
