"""What a plugin author imports: offers, options, the hook marker."""

from ftctl.plugin.capabilities import ACCUMULATES, BRIDGE, DETERMINISTIC, NETWORK, RESUME, VALIDATES
from ftctl.plugin.dataset import count_rows, read_split
from ftctl.plugin.hooks import hookimpl
from ftctl.plugin.offer import CONTRACT_VERSION, Need, Offer
from ftctl.plugin.options import option, options

__all__ = [
    "ACCUMULATES",
    "BRIDGE",
    "CONTRACT_VERSION",
    "DETERMINISTIC",
    "NETWORK",
    "RESUME",
    "VALIDATES",
    "Need",
    "Offer",
    "count_rows",
    "hookimpl",
    "option",
    "options",
    "read_split",
]
