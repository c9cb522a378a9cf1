"""Adapters: technology that nobody chooses by name."""
