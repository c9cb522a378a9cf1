"""Read a plugin's manifest safely."""

import contextlib
import io
import traceback
from importlib.metadata import EntryPoint
from typing import Any

from attrs import evolve, frozen

from ftctl.domain.names import is_name
from ftctl.errors import PluginBroken
from ftctl.plugin.containment import contained
from ftctl.plugin.offer import CONTRACT_VERSION, OWN_DIST, PORTS, Offer
from ftctl.plugin.plugin_source import plugin_source
from ftctl.plugin.time_limit import TooSlow, within

TAIL = 6
"""Lines of a traceback that are kept."""


@frozen
class Broken:
    """A plugin that cannot be used, and why; ``trace`` holds the last lines of the traceback."""

    name: str
    dist: str
    version: str
    phase: str
    error: str
    trace: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """Return a remedy for the user."""
        return f"pip install -U {self.dist}, or pip uninstall {self.dist}, or FTCTL_NO_PLUGINS={self.name}"


@frozen
class Manifest:
    """Result of reading one entry point."""

    module: Any
    offers: tuple[Offer, ...]


def read_manifest(point: EntryPoint, dist: str, version: str, seconds: float) -> Manifest | Broken:
    """Return the manifest of an entry point, or why it cannot be used; its output is not shown.

    Args:
        point: where it lies.
        dist: the distribution that it came with.
        version: of the distribution.
        seconds: how long it may take; only the main thread can be interrupted.
    """
    phase = "import"
    try:
        # its output is not shown: it is read whenever backends are listed
        with contextlib.redirect_stdout(io.StringIO()), within(seconds):
            with contained(_named(point, dist), "import"):
                module = point.load()
            source = plugin_source(point.dist, point.module) if point.dist and dist != OWN_DIST else ""
            phase = "offers"
            with contained(_named(point, dist), "offers"):
                return Manifest(
                    module, tuple(_checked(offer, dist, version, source) for offer in module.ftctl_offers())
                )
    except PluginBroken as error:
        return Broken(point.name, dist, version, phase, error.what)
    except (Exception, TooSlow) as error:
        trace = "".join(traceback.format_exception(error)).rstrip().splitlines()[-TAIL:]
        return Broken(point.name, dist, version, phase, f"{type(error).__name__}: {error}", tuple(trace))


def _named(point: EntryPoint, dist: str) -> str:
    return "" if dist == OWN_DIST else f"{point.name} of {dist}"


def _checked(offer: Any, dist: str, version: str, source: str) -> Offer:
    if not isinstance(offer, Offer):
        raise TypeError(f"ftctl_offers() must return Offer objects, not {type(offer).__name__}")
    if offer.contract > CONTRACT_VERSION:
        wanted = f"offer {offer.name!r} was written for edition {offer.contract} of the ports"
        raise ValueError(f"{wanted}, and this ftctl knows {CONTRACT_VERSION}: it needs a newer ftctl")
    if offer.port not in PORTS:
        raise ValueError(f"offer {offer.name!r} names the unknown port {offer.port!r}")
    if not is_name(offer.name):
        raise ValueError(f"offer name {offer.name!r} must match [a-z0-9][a-z0-9._-]*")
    return evolve(offer, dist=dist, version=version, source=source)
