"""The whole store as one archive, and a store again: what `spanhouse backup` and `spanhouse restore` do."""
