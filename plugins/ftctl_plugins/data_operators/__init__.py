"""Data operators: clean, filter, deduplicate, mask, derive, split, encrypt."""
