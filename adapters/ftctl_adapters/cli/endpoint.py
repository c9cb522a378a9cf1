"""Find the endpoint behind a URL."""

from urllib.parse import urlsplit

from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, UsageError


def is_url(text: str) -> bool:
    """Return True if the text is an HTTP URL."""
    return text.startswith(("http://", "https://"))


def _host(url: str) -> str:
    """Return the host of a URL; empty if it has none, or a bracket of it is wrong."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def endpoint_at(url: str, model: str | None = None) -> Endpoint:
    """Return the endpoint behind a URL, with or without ``/v1``; the model is the first that it lists.

    Raises:
        UsageError: that is no URL.
        BackendFailed: it lists no model, and none was named.
    """
    from ftctl_adapters.serving.openai_client import models

    if not is_url(url) or not _host(url):
        raise UsageError(f"{url!r} is no URL of a server", next_step="give one like http://127.0.0.1:8000/v1")
    base = url.rstrip("/") if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1"
    if model:
        return Endpoint(base, model)
    try:
        return Endpoint(base, models(base)[0])
    except (BackendFailed, IndexError) as error:
        what = error.what if isinstance(error, BackendFailed) else f"{base} lists no model"
        raise BackendFailed(what, next_step="is it running? name the model with --model") from error
