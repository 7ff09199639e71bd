"""Rules over what is stored: read from a file, judged once or on a schedule, told to whoever wants to know."""
