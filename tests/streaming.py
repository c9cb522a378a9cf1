"""An OpenAI-compatible endpoint on the loopback that streams at the pace a test gives it, and may stand still."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field

from tests.openai_server import POLL_SECONDS


@define
class Pace:
    """Seconds before the first event and before each other one; ``stall`` holds every request that comes in while the
    request of number ``stalls_at`` waits; of ``failing`` requests one is refused.
    """

    first: float = 0.0
    each: float = 0.0
    events: int = 4
    tokens_each: int = 1
    stall: float = 0.0
    stalls_at: int = 0
    failing: int = 0
    says: str = ""
    moved_to: "Pace | None" = None
    asked: int = 0
    prompts: list[str] = field(factory=list)
    keys: list[str | None] = field(factory=list)
    alone: threading.Lock = field(factory=threading.Lock)
    url: str = ""


@contextmanager
def streaming(pace: Pace) -> Iterator[Pace]:
    """The endpoint behind an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if pace.moved_to:
                self.send_response(302)
                self.send_header("Location", f"{pace.moved_to.url}/chat/completions")
                self.end_headers()
                return
            with pace.alone:
                pace.prompts.append(body["messages"][-1]["content"])
                pace.asked += 1
                number = pace.asked
                pace.keys.append(self.headers.get("Authorization"))
                if number == pace.stalls_at:
                    time.sleep(pace.stall)
            if pace.failing and number % pace.failing == 0:
                self.send_error(503, explain=pace.says)
                return
            self.send_response(200)
            self.end_headers()
            for place in range(pace.events):
                time.sleep(pace.each if place else pace.first)
                self._event({"choices": [{"delta": {"content": "word " * pace.tokens_each}}]})
            used = {"prompt_tokens": 20, "completion_tokens": pace.events * pace.tokens_each}
            self._event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": used})

        def _event(self, document: dict[str, Any]) -> None:
            self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    pace.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield pace
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
