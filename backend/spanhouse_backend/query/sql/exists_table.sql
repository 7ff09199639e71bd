-- Whether there is such a table. DESCRIBE, SHOW CREATE and EXISTS have no syntax tree as JSON: they are recognised by
-- their words and run as ours.
EXISTS TABLE {database:Identifier}.{table:Identifier}
