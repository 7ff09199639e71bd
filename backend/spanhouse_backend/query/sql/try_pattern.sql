-- Fails, before anything is read with it, when the engine cannot read this regular expression.
SELECT match('', {pattern:String})
