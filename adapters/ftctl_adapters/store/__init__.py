"""Artifacts and runs on disk, whole after any crash."""
