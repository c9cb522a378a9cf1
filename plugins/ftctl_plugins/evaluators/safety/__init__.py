"""Evaluators of security and privacy: jailbreaks, injections, leaks, memorisation, personal data."""
