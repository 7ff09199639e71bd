-- What is refused of logs goes where refused spans go, and says so; all that is there already are spans.
ALTER TABLE spanhouse_rejected
    ADD COLUMN IF NOT EXISTS Signal LowCardinality(String) DEFAULT 'traces' CODEC(ZSTD(1)) AFTER Reason,
    ADD COLUMN IF NOT EXISTS Body String CODEC(ZSTD(1)) AFTER SpanAttributes
