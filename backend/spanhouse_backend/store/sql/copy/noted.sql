-- What an earlier run noted of one source.
SELECT TableName, PartitionId, max(Keys) AS keys, max(HandedOver) AS handed_over
FROM spanhouse_copied
WHERE Source = {source:String}
GROUP BY TableName, PartitionId
