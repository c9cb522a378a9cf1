"""Formats of training rows: detected by their keys, converted to canonical examples, no key lost in silence."""

from ftctl_adapters.records.formats.convert import Read, to_example
from ftctl_adapters.records.formats.detect import FORMAT_KEYS, READERS, detect, unknown_format
from ftctl_adapters.records.formats.parsed import NotThisFormat

__all__ = ["FORMAT_KEYS", "READERS", "NotThisFormat", "Read", "detect", "to_example", "unknown_format"]
