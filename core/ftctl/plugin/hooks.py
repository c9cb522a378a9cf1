"""The hooks. Ports are never hooks: a port is an abstract class, and an offer says where its implementation lies."""

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
    """The backends this plugin brings.

    Called once when backends are looked up. The module that implements it is a manifest: it imports the standard
    library and ``ftctl.plugin`` alone, so that a listing stays fast.
    """


@hookspec
def ftctl_event(event: Event) -> None:
    """Something happened in a run. Exceptions are recorded and otherwise ignored."""


@hookspec
def ftctl_run_finished(run_id: str, result: dict[str, Any]) -> None:
    """A run ended well; ``result`` is the document that ``ftctl run --json`` prints."""
