-- What the engine makes of any one statement, written out: no comments, names without escapes, nothing behind it. The
-- text is a parameter, so it is parsed and nothing of it is run.
SELECT formatQuery({statement:String}) AS text
