"""Offer: a plugin's announcement of one backend, readable without importing it."""

from importlib import import_module
from typing import Any

from attrs import field, frozen

OWN_DIST = "ftctl"
CONTRACT_VERSION = 1
"""The edition of ports and offers that this ftctl knows. A newer one asks more of backends than this can tell them."""

LIFECYCLE = ("data_source", "tuner", "evaluator", "compressor", "server", "monitor")
CONTRACTED = (*LIFECYCLE, "data_operator")
"""Ports with a contract that `ftctl plugins check` runs."""
PORTS = (*CONTRACTED, "engine", "objective", "launcher", "target_loader", "verifier")
"""The six ports of the lifecycle, then the secondary ones."""


@frozen
class Need:
    """A module that the backend imports, and the package that provides it."""

    module: str
    install: str


@frozen(kw_only=True)
class Offer:
    """Announcement of one backend of one port.

    ``factory`` and ``options`` are ``package.module:attribute`` paths; the factory is called with the options as
    only argument and returns an implementation of the port. ``accepts`` and ``produces`` are model formats;
    ``accepts_with`` names further ones that an option brings when it is on. ``recipe`` is the ``package:file.toml``
    that the backend's ``environment`` is built from. ``contract`` is the edition of the ports it was written for.
    ``dist``, ``version`` and ``source``, a digest of the plugin's files, are filled in when it is read.
    """

    port: str
    name: str
    summary: str
    factory: str
    options: str
    accepts: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    environment: str = "default"
    recipe: str = ""
    accepts_with: dict[str, tuple[str, ...]] = field(factory=dict)
    contract: int = 1
    dist: str = ""
    version: str = ""
    source: str = ""

    @property
    def full_name(self) -> str:
        """Return ``dist:name``, which is always unique."""
        return f"{self.dist}:{self.name}"

    @property
    def owner(self) -> str:
        """Return distribution and version; empty for built-in backends."""
        return "" if self.dist == OWN_DIST else f"{self.dist} {self.version}"


def load(path: str) -> Any:
    """Return the attribute that ``package.module:attribute`` names.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: it has no such attribute.
    """
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
