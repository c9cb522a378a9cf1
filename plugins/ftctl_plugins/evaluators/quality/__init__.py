"""Evaluators of answers: text metrics, likelihood, structure, code, judges, people, forgetting."""
