-- Figures of the rows of a table that match, by step and group.
SELECT
    {start:Fragment} AS Start{groups:Fragment}{figures:Fragment}
FROM {table:Fragment}
WHERE {within:Fragment} AND {filter:Fragment}
GROUP BY Start{keys:Fragment}
ORDER BY {order:Fragment}
LIMIT {limit:UInt32}
