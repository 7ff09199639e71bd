"""`spanhouse doctor`: looks at everything between a captured call and its percentile, and says what to do."""
