"""API for plugin authors: offers, options, the hook marker."""

from ftctl.plugin.capabilities import (
    ACCUMULATES,
    BASE,
    BRIDGE,
    DEDUPLICATES,
    DERIVES,
    DETERMINISTIC,
    GUARDED,
    INSIDE,
    MASKS,
    NETWORK,
    OUTSIDE,
    OWN_CASES,
    PREPARES,
    RESUME,
    SCORES,
    SEALS,
    SERVER,
    SPLITS,
    VALIDATES,
)
from ftctl.plugin.dataset import count_rows, is_sealed, read_split
from ftctl.plugin.hooks import hookimpl
from ftctl.plugin.offer import CONTRACT_VERSION, Need, Offer
from ftctl.plugin.options import option, options

__all__ = [
    "ACCUMULATES",
    "BASE",
    "BRIDGE",
    "CONTRACT_VERSION",
    "DEDUPLICATES",
    "DERIVES",
    "DETERMINISTIC",
    "GUARDED",
    "INSIDE",
    "MASKS",
    "NETWORK",
    "OUTSIDE",
    "OWN_CASES",
    "PREPARES",
    "RESUME",
    "SCORES",
    "SEALS",
    "SERVER",
    "SPLITS",
    "VALIDATES",
    "Need",
    "Offer",
    "count_rows",
    "hookimpl",
    "is_sealed",
    "option",
    "options",
    "read_split",
]
