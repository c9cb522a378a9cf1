"""Backends that a run file names: one module each, grouped by port, with a light manifest a folder."""
