"""Hooks for plugins. Ports are not hooks: a port is an abstract class, and an offer names its implementation."""

from collections.abc import Sequence
from typing import Any

import pluggy

from ftctl.domain.event import Event
from ftctl.plugin.offer import Offer

PROJECT = "ftctl"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ftctl_offers() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return the offers of this plugin.

    Called once when backends are looked up. The module that implements it is a manifest: it imports the standard
    library and ``ftctl.plugin`` alone, so that a listing stays fast.
    """


@hookspec
def ftctl_event(event: Event) -> None:
    """Receive an event of a run; exceptions are recorded and ignored."""


@hookspec
def ftctl_run_finished(run_id: str, result: dict[str, Any]) -> None:
    """Receive the result of a successful run: the document that ``ftctl run --json`` prints."""
