"""Evaluators of answers to changed, shifted and out-of-scope questions, and of calibration."""
