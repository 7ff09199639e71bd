-- Who judges a rule in a slot.
SELECT Holder FROM spanhouse_rule_claims WHERE Rule = {rule:String} AND Slot = {slot:UInt64}
