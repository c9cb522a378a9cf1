"""The guard in front of servers: whose requests pass, and how long a body may be."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from ftctl_adapters.serving.standalone.loopback_guard import ALLOWED_HOSTS, LoopbackGuard

Message = MutableMapping[str, Any]


def asked(headers: list[tuple[str, str]], pieces: list[bytes] | None = None, kind: str = "http") -> int:
    """The status that a request gets; 200 of the application, which reads the whole body."""
    sent: list[Message] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces or [b""]]
    waiting[-1]["more_body"] = False

    async def app(scope: Message, receive: Any, send: Any) -> None:
        while scope["type"] == "http" and (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    encoded = [(name.encode(), value.encode()) for name, value in headers]
    asyncio.run(LoopbackGuard(app, 100)({"type": kind, "headers": encoded}, receive, send))
    return int(sent[0].get("status", sent[0].get("code", 0)))


OWN = ("host", "127.0.0.1:8000")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([OWN], 200),
        ([("host", "localhost")], 200),
        ([("host", "[::1]:8000")], 200),
        ([("host", "LOCALHOST:1")], 200),
        ([], 421),
        ([OWN, ("host", "evil.example")], 421),
        ([("host", "evil.example")], 421),
        ([("host", "127.0.0.1.evil.example")], 421),
        ([("host", "127.0.0.1@evil.example")], 421),
        ([("host", "[")], 421),
        ([OWN, ("origin", "http://127.0.0.1:3000")], 200),
        ([OWN, ("origin", "http://localhost")], 200),
        ([OWN, ("origin", "https://evil.example")], 403),
        ([OWN, ("origin", "null")], 403),
        ([OWN, ("origin", "file://127.0.0.1")], 403),
        ([OWN, ("origin", "http://localhost"), ("origin", "http://evil.example")], 403),
        ([OWN, ("content-length", "100")], 200),
        ([OWN, ("content-length", "101")], 413),
        ([OWN, ("content-length", "-1")], 413),
        ([OWN, ("content-length", "9" * 99)], 413),
    ],
)
def test_who_is_answered(headers: list[tuple[str, str]], status: int) -> None:
    assert asked(headers) == status


def test_a_body_of_unknown_length_is_counted() -> None:
    assert asked([OWN], [b"x" * 50, b"x" * 50]) == 200
    assert asked([OWN], [b"x" * 50, b"x" * 51]) == 413


def test_sockets_of_pages_are_closed() -> None:
    assert asked([("host", "evil.example")], kind="websocket") == 1008
    assert asked([OWN], kind="websocket") == 200


def test_a_proxy_may_keep_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED_HOSTS, "llm.example, other.example")
    assert asked([("host", "LLM.example"), ("origin", "https://llm.example")]) == 200
    assert asked([("host", "evil.example")]) == 421
