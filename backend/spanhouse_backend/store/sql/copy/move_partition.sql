-- Hands a partition over, whole, without telling the views of it.
ALTER TABLE {staging:Identifier} MOVE PARTITION ID {partition:String} TO TABLE {table:Identifier}
