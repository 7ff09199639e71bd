-- For a server that has none of this name yet.
CREATE DATABASE IF NOT EXISTS {database:Identifier}
