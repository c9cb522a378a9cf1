"""Modules of the standard library alone, which servers of other environments import by this folder's path."""
