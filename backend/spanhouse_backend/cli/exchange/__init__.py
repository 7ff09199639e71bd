"""Spans to files and back: `spanhouse export` and `spanhouse import`."""
