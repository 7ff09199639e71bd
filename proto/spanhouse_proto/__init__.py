"""Generated protobuf code, and the schema ClickHouse decodes OTLP with."""
