"""The port that ClickHouse's clients speak to: its HTTP interface over what is stored here."""
