"""Bytes in: the doors, the framing of requests, and the group commit."""
