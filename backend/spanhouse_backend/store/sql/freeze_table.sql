-- Links every part of a table into shadow/spanhouse/ beside the data: as they are at this moment, for as long as they are
-- needed, without copying a byte.
ALTER TABLE {table:Identifier} FREEZE WITH NAME 'spanhouse'
