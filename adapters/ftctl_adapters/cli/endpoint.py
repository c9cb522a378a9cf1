"""Find the endpoint behind a URL."""

from ftctl.domain.launch import Endpoint
from ftctl.domain.server_url import server_url
from ftctl.errors import BackendFailed, UsageError


def is_url(text: str) -> bool:
    """Return True if the text is an HTTP URL."""
    return text.startswith(("http://", "https://"))


def endpoint_at(url: str, model: str | None = None) -> Endpoint:
    """Return the endpoint behind a URL, with or without ``/v1``; the model is the first that it lists.

    Raises:
        UsageError: that is no URL.
        BackendFailed: it lists no model, and none was named.
    """
    from ftctl_adapters.serving.openai_client import models

    base = server_url(url)
    if base is None:
        raise UsageError(f"{url!r} is no URL of a server", next_step="give one like http://127.0.0.1:8000/v1")
    if model:
        return Endpoint(base, model)
    try:
        return Endpoint(base, models(base)[0])
    except (BackendFailed, IndexError) as error:
        what = error.what if isinstance(error, BackendFailed) else f"{base} lists no model"
        raise BackendFailed(what, next_step="is it running? name the model with --model") from error
