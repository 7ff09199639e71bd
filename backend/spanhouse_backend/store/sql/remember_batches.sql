-- Notes the identities (hexadecimal) of a group's requests once the group is in every table.
INSERT INTO spanhouse_batches (Identity) SELECT unhex(arrayJoin({identities:Array(String)}))
