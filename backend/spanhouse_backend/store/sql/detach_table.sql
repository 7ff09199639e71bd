-- Lets go of a view, in memory only: see attach_table.sql.
DETACH TABLE {table:Identifier}
