"""Engines: where the data stage's work is done, one module each."""
