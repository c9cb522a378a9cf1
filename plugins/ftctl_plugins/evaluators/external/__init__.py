"""Evaluators that run a third-party tool in an environment of its own."""
