"""What a tuner minimises."""
