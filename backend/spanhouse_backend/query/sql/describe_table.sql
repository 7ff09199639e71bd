-- The columns of one table. DESCRIBE, SHOW CREATE and EXISTS have no syntax tree as JSON: they are recognised by
-- their words and run as ours.
DESCRIBE TABLE {database:Identifier}.{table:Identifier}
