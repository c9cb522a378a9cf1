"""Training data out of a database, for ftctl."""
