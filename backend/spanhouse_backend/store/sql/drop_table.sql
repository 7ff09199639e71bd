-- SYNC: its name is free at once for the one that comes in its place.
DROP TABLE IF EXISTS {table:Identifier} SYNC
