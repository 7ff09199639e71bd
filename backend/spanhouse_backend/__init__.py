"""The command line, the server, and what they are made of: ingest, store, query."""
