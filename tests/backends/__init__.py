"""Real backends in environments of their own: slow to make, so they are a session of their own."""
