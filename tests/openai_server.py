"""An OpenAI-compatible endpoint on the loopback that says what a test tells it to, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field

POLL_SECONDS = 0.01
"""How long ending the server may take: half a second is usual, and hundreds of tests start one."""


@define
class FakeService:
    """``answer`` makes the text of each reply; ``faults`` come first, one a request.

    A fault is a status, ``hang`` (no answer for two seconds), ``cut`` (half of a body), ``garbage`` or ``empty``.
    """

    answer: Callable[[dict[str, Any]], str]
    faults: list[Any] = field(factory=list)
    bodies: list[dict[str, Any]] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    completed: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Makes the first choice of what `/completions` answers; without it there is no such path."""
    tokens: int = 10
    model: str = "served"
    listed: dict[str, Any] = field(factory=dict)
    """What `/models` tells of it beside its name."""
    url: str = ""


class Server(ThreadingHTTPServer):
    """With the service that its handlers speak for."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: FakeService) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.service = service


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        service = self.server.service
        service.headers.append(dict(self.headers))
        self._send(200, json.dumps({"data": [{"id": service.model} | service.listed]}).encode(), {})

    def do_POST(self) -> None:
        service = self.server.service
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        service.bodies.append(body)
        service.headers.append(dict(self.headers))
        fault = service.faults.pop(0) if service.faults else None
        if isinstance(fault, int):
            self._send(fault, b'{"error": {"message": "on purpose"}}', {"Retry-After": "0"})
        elif self.path.endswith("/v1/completions"):
            self._complete(body)
        else:
            self._chat(body, fault)

    def _chat(self, body: dict[str, Any], fault: str | None) -> None:
        service = self.server.service
        if fault == "hang":
            time.sleep(2)
        text = "" if fault == "empty" else service.answer(body)
        used = {"prompt_tokens": 0, "completion_tokens": service.tokens, "total_tokens": service.tokens}
        turn = {"role": "assistant", "content": text}
        told = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": service.model}
        reply = told | {"choices": [{"index": 0, "message": turn, "finish_reason": "stop"}], "usage": used}
        content = json.dumps(reply).encode()
        if fault == "garbage":
            content = b"<html>not what you asked for</html>"
        if fault == "cut":
            content = content[: len(content) // 2]
        self._send(200, content, {})

    def _complete(self, body: dict[str, Any]) -> None:
        completed = self.server.service.completed
        if completed is None:
            self._send(404, b"{}", {})
        else:
            self._send(200, json.dumps({"choices": [completed(body)]}).encode(), {})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            return  # who asked has given up

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving(service: FakeService) -> Iterator[FakeService]:
    """The service behind an address of its own."""
    server = Server(service)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
