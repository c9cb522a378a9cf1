"""Requests to a remote server with retries."""

import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ftctl_adapters.serving.network_words import network_words

T = TypeVar("T")

TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds between two tries, whatever a server asks for."""

AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
REPLY_BYTES = 8 << 20
HERE = frozenset({"127.0.0.1", "localhost", "::1"})


class NoAnswer(Exception):
    """Raised if a request got no answer: refused, or no text."""


class GivenUp(NoAnswer):
    """Raised after the last retry."""


class Unusable(Exception):
    """Raised if no request can succeed: wrong address, key or model."""


def insist(
    send: Callable[[], T], stop: Callable[[], None] = lambda: None, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Call ``send`` and retry transient failures; ``stop`` is called before every try.

    Raises:
        NoAnswer: a status that says that this very question will not be answered.
        GivenUp: no try came through.
        Unusable: a status that says so of every question, or no address at all.
    """
    draw, last = random.Random(0), ""  # noqa: S311 - jitter
    for attempt in range(TRIES):
        stop()
        wait = min(2.0**attempt * (0.5 + draw.random()), LONGEST_WAIT)
        try:
            return send()
        except urllib.error.HTTPError as error:
            with error:
                last = f"status {error.code}"
                if error.code in (401, 403, 404) or error.code < 400:
                    raise Unusable(last) from None
                if error.code not in AGAIN:
                    raise NoAnswer(last) from None
                wait = _asked_for(error.headers.get("Retry-After"), wait)
        except http.client.InvalidURL:
            raise Unusable("no address that can be asked") from None
        except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException) as error:
            last = network_words(error)
        if attempt < TRIES - 1:
            sleep(wait)
    raise GivenUp(f"{last}, {TRIES} times")


def get(url: str, timeout: float, key: str | None = None) -> Any:
    """Get the JSON at a URL; otherwise as `post`."""
    return _sent(urllib.request.Request(url, headers=_bearer(key)), timeout)


def post(url: str, body: dict[str, Any], timeout: float, key: str | None = None) -> Any:
    """Post a request and return the JSON of its answer; ``key`` is sent as a bearer token to this URL only.

    Raises:
        OSError, ValueError, http.client.HTTPException: as the standard library raises them.
    """
    headers = {"Content-Type": "application/json"} | _bearer(key)
    return _sent(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout)


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _sent(request: urllib.request.Request, timeout: float) -> Any:
    with opener_for(request.full_url).open(request, timeout=timeout) as response:
        return json.loads(response.read(REPLY_BYTES))


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that follows no redirect and uses no proxy for this machine."""
    direct = [urllib.request.ProxyHandler({})] if urlsplit(url).hostname in HERE else []
    return urllib.request.build_opener(_NoRedirect, *direct)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirect handler that follows none, so that rows and keys go nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _asked_for(header: str | None, otherwise: float) -> float:
    try:
        return min(max(float(header or ""), 0.0), LONGEST_WAIT)
    except ValueError:
        return otherwise
