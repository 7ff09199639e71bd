-- A syntax tree written out as text, the tree which the engine reads in exactly that text, and that tree written out
-- again: the second text differs from the first if trees as JSON ever leave something out.
WITH
    formatQueryFromJSON({tree:String}) AS text,
    parseQueryToJSON(text) AS tree
SELECT text, tree, formatQueryFromJSON(tree) AS again
