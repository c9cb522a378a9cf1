"""Rows of data files: strict bounded readers, formats, encryption, personal data."""
