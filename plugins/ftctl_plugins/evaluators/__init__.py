"""Evaluators, by theme."""
