"""Near duplicates by MinHash: signatures of texts, and clusters of like signatures, in bounded memory."""
