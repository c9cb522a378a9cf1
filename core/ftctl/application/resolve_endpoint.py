"""Resolve the endpoint of a run file: the server that is evaluated."""

from collections.abc import Mapping
from typing import Any

from ftctl.application.resolve_backend import BackendResolver
from ftctl.application.run_file_defaults import ABSENT, ASKER, NO_ENDPOINT
from ftctl.domain.launch import Endpoint
from ftctl.domain.server_url import server_url


def resolve_endpoint(resolver: BackendResolver, entry: Any, measured: Any, server: Any) -> dict[str, Any]:
    """Resolve the server that is evaluated: a running one by its URL, or that of this run."""
    again = resolver.typed("evaluate_served", measured, bool)
    named = entry not in NO_ENDPOINT
    if not named and not again:
        return {}
    own = {"url": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, Mapping) else {}
    # an address that stands alone and is given a further key becomes `use` of what it is given to
    url, model = own.pop("url", own.pop("use", None)), own.pop("model", "")
    if url is not None and again:
        resolver.problems.append("endpoint: with a `url` nothing is served here; leave evaluate_served out")
        return {}
    if (url is None) != bool(again) or (named and not isinstance(entry, str | Mapping)):
        line = "needs a `url`, such as http://127.0.0.1:8000/v1; for this run's own server, evaluate_served: true"
        resolver.problems.append(f"endpoint: {line}")
        return {}
    base = server_url(url) if isinstance(url, str) else None
    if url is not None and base is None:
        resolver.problems.append(f"endpoint.url: no URL of a server, such as http://127.0.0.1:8000/v1: {url!r}")
    name = resolver.typed("endpoint.model", model, str)
    if again and server in ABSENT:
        resolver.problems.append("evaluate_served: this run has no server; name one, or the `endpoint` that is there")
    asker = resolver.backend("target_loader", {"use": ASKER, **own}, "endpoint")
    place = None if url is None else Endpoint(str(base), str(name))
    return {"endpoint": place, "evaluate_served": bool(again), "asker": asker}
