"""URL of a server that speaks OpenAI's API."""

from urllib.parse import urlsplit

SCHEMES = ("http", "https")


def server_url(text: str) -> str | None:
    """Return the base URL of a server, with ``/v1`` where the text names no path; ``None`` if it is no such URL."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        return None
    if not usable or any(sign.isspace() for sign in text):
        return None
    return text.rstrip("/") if parts.path.strip("/") else f"{text.rstrip('/')}/v1"
