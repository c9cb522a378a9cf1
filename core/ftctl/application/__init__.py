"""Use cases, one a file; they reach the outside only through ports."""
