"""Engines of the data stage."""
