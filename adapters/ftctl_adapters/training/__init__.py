"""The training engine: loop, order, loss, checkpoints. What every tuner over torch shares."""
