"""Records and events over REST, for programs that speak no OTLP: posted to ingest, read by asking the questions."""
