"""Finished spans to OTLP bytes to gRPC, bounded and off the callers path."""
