"""Statistics, by numpy alone: one family a module."""
