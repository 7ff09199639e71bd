"""ClickHouse, embedded or remote: the connection, the schema, and its SQL."""
