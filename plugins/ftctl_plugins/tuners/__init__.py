"""Tuners."""
