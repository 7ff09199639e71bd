"""Percentiles out: the questions, the one reader that answers them, and its faces."""
