"""Evaluators of a running server."""
