-- Notes that a partition lies beside its table, or was handed over.
INSERT INTO spanhouse_copied (Source, TableName, PartitionId, Keys, HandedOver)
SELECT {source:String}, {table:String}, {partition:String}, {keys:UInt64}, {handed_over:UInt8}
