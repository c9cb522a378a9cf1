"""Tell work that its client has hung up: for servers that would go on, and let everybody else wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

left: ContextVar[threading.Event | None] = ContextVar("left", default=None)
"""Set once the client of the request that is being answered has hung up."""


class ClientWatch:
    """ASGI middleware that sets `left` of each request, also while the application does not listen."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and watch its client."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        gone, whole = threading.Event(), asyncio.Event()
        left.set(gone)
        watching = asyncio.ensure_future(_watch(receive, whole, gone))
        try:
            await self._app(scope, _noting(receive, whole, gone), send)
        finally:
            watching.cancel()


def _noting(receive: Receive, whole: asyncio.Event, gone: threading.Event) -> Receive:
    async def noted() -> MutableMapping[str, Any]:
        message = await receive()
        if message["type"] == "http.disconnect":
            gone.set()
        elif not message.get("more_body", False):
            whole.set()
        return message

    return noted


async def _watch(receive: Receive, whole: asyncio.Event, gone: threading.Event) -> None:
    """Wait for the end of the connection behind the whole body; whoever asks later is told of it too."""
    await whole.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()
