"""Resolve the endpoint of a run file: the server that is evaluated."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ftctl.application.resolve_backend import BackendResolver
from ftctl.application.run_file_defaults import ABSENT, ASKER, NO_ENDPOINT
from ftctl.domain.launch import Endpoint


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
    if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        resolver.problems.append(f"endpoint.url: must begin with http:// or https://, not {url!r}")
    name = resolver.typed("endpoint.model", model, str)
    if again and server in ABSENT:
        resolver.problems.append("evaluate_served: this run has no server; name one, or the `endpoint` that is there")
    asker = resolver.backend("target_loader", {"use": ASKER, **own}, "endpoint")
    place = None if url is None else Endpoint(_with_path(str(url)), str(name))
    return {"endpoint": place, "evaluate_served": bool(again), "asker": asker}


def _with_path(url: str) -> str:
    """Add ``/v1`` to the address of an OpenAI-compatible server that names no path."""
    return url.rstrip("/") if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1"
