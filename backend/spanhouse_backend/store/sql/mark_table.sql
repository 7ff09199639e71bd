-- Says of which text a view or pass-through table was made; it goes and comes with the table itself.
ALTER TABLE {table:Identifier} MODIFY COMMENT {mark:String}
