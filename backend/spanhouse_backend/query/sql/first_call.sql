-- When the first of some calls was, in Unix nanoseconds: of rollups, when its minute or hour began. NULL when there is none.
SELECT if(count() = 0, NULL, toUnixTimestamp64Nano(toDateTime64(min(Time), 9))) AS first_ns
FROM ({calls:Fragment})
