"""Training engines: parameters, gradients and optimizer state in one process, or sharded over several."""
