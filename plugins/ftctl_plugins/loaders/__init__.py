"""Target loaders: make an artifact answer in a process."""
