"""The command line, the server, and what they are made of: ingest, store, query."""

COMMANDS_GROUP = "spanhouse.commands"
"""The entry point group of commands that need no backend: `name = module:function`, called with the rest of argv and
returning an exit code."""
