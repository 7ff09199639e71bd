-- Takes a view up again as a restart would. The embedded engine gives a view that it has just made an id that it does
-- not keep, and that id is part of what it remembers of an insert's token: after a restart it would not know the token.
ATTACH TABLE {table:Identifier}
