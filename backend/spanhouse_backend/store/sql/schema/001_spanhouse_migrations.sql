-- What was done to bring these tables to the form they have: one row when a version was begun and one when it was
-- finished, so that software which is cut off in the middle, or is older than the tables, can tell. The first table to
-- come to be: where there are spans and nothing is noted here, the tables are of version 1, which had no such notes.
CREATE TABLE IF NOT EXISTS spanhouse_migrations
(
    Version UInt32,
    Name String,
    Checksum String,
    Software String,
    Finished Bool,
    Time DateTime64(3) DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (Version, Time)
