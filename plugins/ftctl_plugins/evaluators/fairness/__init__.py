"""Evaluators of fairness between groups and of diversity."""
