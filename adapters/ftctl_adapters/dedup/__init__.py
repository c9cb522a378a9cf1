"""Near-duplicates by MinHash, in bounded memory."""
