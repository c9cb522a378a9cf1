"""Use cases, one a file; they reach the outside through ports alone."""
