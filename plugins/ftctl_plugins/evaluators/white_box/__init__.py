"""Evaluators that look inside a loaded model: attribution, attention, logit lens, influence."""
