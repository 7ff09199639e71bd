-- How one table was made. DESCRIBE, SHOW CREATE and EXISTS have no syntax tree as JSON: they are recognised by
-- their words and run as ours.
SHOW CREATE TABLE {database:Identifier}.{table:Identifier}
