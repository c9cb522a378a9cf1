"""Guard in front of an ASGI server on loopback: pages of other sites cannot reach it, and bodies are bounded.

A browser sends requests of any page to 127.0.0.1. By a name that resolves there (DNS rebinding) the page may even read
the answers. Such requests bear another ``Host`` or another ``Origin``.
"""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ALLOWED_HOSTS = "FTCTL_ALLOWED_HOSTS"
"""Variable with further names, separated by commas, for a proxy that keeps the name of the outside."""
LONGEST_BODY = 16 << 20
"""Bytes; 16 MiB are a conversation of four million tokens."""


class LoopbackGuard:
    """ASGI middleware: another host is answered with 421, another origin with 403, a longer body with 413."""

    def __init__(self, app: App, longest_body: int = LONGEST_BODY) -> None:
        self._app, self._longest = app, longest_body
        named = os.environ.get(ALLOWED_HOSTS, "").lower().split(",")
        self._hosts = LOOPBACK | {name.strip() for name in named if name.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status, text = self._refusal(scope)
        if status and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif status:
            await _answer(send, status, text)
        else:
            await _Bounded(self._app, receive, send, self._longest).run(scope)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts, origins, lengths = (headers.get(name, []) for name in ("host", "origin", "content-length"))
        if len(hosts) != 1 or _host(hosts[0]) not in self._hosts:
            return 421, "this server answers at its own address alone; FTCTL_ALLOWED_HOSTS names further hosts"
        if any(_origin(origin) not in self._hosts for origin in origins):
            return 403, "requests of pages from elsewhere are not answered; FTCTL_ALLOWED_HOSTS names further hosts"
        if any(not one.isdecimal() or int(one) > self._longest for one in lengths):
            return 413, f"the body is longer than {self._longest} bytes"
        return 0, ""


class _TooLong(Exception):
    """Raised where a body without a length turns out to be too long."""


class _Bounded:
    """One request, whose body is counted while it comes."""

    def __init__(self, app: App, receive: Receive, send: Send, longest: int) -> None:
        self._app, self._receive, self._send, self._longest = app, receive, send, longest
        self._begun, self._seen = False, 0

    async def run(self, scope: Scope) -> None:
        """Let the application answer; where the body is too long, answer here, unless it has begun to."""
        try:
            await self._app(scope, self._counted, self._noted)
        except _TooLong:
            if not self._begun:
                await _answer(self._send, 413, f"the body is longer than {self._longest} bytes")

    async def _counted(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._longest:
            raise _TooLong
        return message

    async def _noted(self, message: MutableMapping[str, Any]) -> None:
        self._begun = True
        await self._send(message)


def _host(header: str) -> str:
    """Return the host of a ``Host`` header, without its port; empty if it is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _origin(header: str) -> str:
    """Return the host of an ``Origin`` header; ``null`` and other schemes have none."""
    try:
        parts = urlsplit(header)
        return (parts.hostname or "").lower() if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


async def _answer(send: Send, status: int, text: str) -> None:
    kind = {"message": text, "type": "invalid_request_error", "code": status}
    body = json.dumps({"error": kind}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
