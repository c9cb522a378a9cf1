"""What a plugin author imports: offers, options, the hook marker."""

from ftctl.plugin.dataset import count_rows, read_split
from ftctl.plugin.hooks import hookimpl
from ftctl.plugin.offer import BRIDGE, Need, Offer
from ftctl.plugin.options import option, options

__all__ = ["BRIDGE", "Need", "Offer", "count_rows", "hookimpl", "option", "options", "read_split"]
