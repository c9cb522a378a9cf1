"""Hyper-parameter search: every trial is an ordinary run."""
