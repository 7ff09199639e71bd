-- Notes that a version was begun, or finished.
INSERT INTO spanhouse_migrations (Version, Name, Checksum, Software, Finished)
SELECT {version:UInt32}, {name:String}, {checksum:String}, {software:String}, {finished:UInt32}
