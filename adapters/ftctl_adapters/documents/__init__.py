"""Documents as sections of text: one module a kind of file."""
