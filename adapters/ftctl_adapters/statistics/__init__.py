"""Statistics over numpy: agreement, bootstrap, paired tests."""
