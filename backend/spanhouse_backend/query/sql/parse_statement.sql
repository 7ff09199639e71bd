-- What the engine makes of a statement that somebody wrote: its syntax tree as JSON. The text is a parameter, so it is
-- parsed and nothing of it is run; a second statement behind the first is an error.
SELECT parseQueryToJSON({statement:String}) AS tree
