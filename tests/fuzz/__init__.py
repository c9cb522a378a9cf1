"""Inputs drawn by seed, of which none may end as a bug of ftctl (exit code 70)."""
