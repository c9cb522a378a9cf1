"""A small OpenAI-compatible server that repeats what it is told: ``python -m ftctl.testing.standin --port N``.

``--flaw`` breaks it in one way, for tests of what notices.
"""

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FLAWS = ("", "no-models", "empty", "stream", "single", "escape", "apart", "elsewhere", "trusting")
ROLES = ("system", "user", "assistant", "tool")
AFTERLIFE = 5.0
"""Seconds for which one that escaped outlives who started it."""
BREATH = 0.1
"""Seconds in which whoever was answered is let go: the next one may ask before that."""


class Handler(BaseHTTPRequestHandler):
    """Answers with the last message, word by word; ``model`` and ``flaw`` are set before it serves."""

    model, flaw = "fake", ""
    busy = threading.Lock()

    def do_GET(self) -> None:
        """Answer health checks and the list of models."""
        if self.path == "/v1/models":
            listed = [] if self.flaw == "no-models" else [{"id": self.model, "object": "model"}]
            self._reply({"object": "list", "data": listed})
        else:
            self._reply({}, 200 if self.path == "/health" else 404)

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = asked_of(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if body is None and self.flaw != "trusting":
            self._reply({"error": {"message": "no chat request"}}, 400)
            return
        if self.flaw == "single" and not self.busy.acquire(timeout=BREATH):
            self._reply({"error": {"message": "one at a time"}}, 503)
            return
        try:
            if self.flaw == "single":
                time.sleep(4 * BREATH)
            self._answer(body or {})
        finally:
            if self.flaw == "single":
                self.busy.release()

    def _answer(self, body: dict[str, Any]) -> None:
        asked = str(body["messages"][-1]["content"])
        words = [] if self.flaw == "empty" else f"You said {asked}".split(" ")[: body.get("max_tokens", 16)]
        used = {"prompt_tokens": len(asked.split()), "completion_tokens": len(words)}
        if not body.get("stream"):
            choice = {"message": {"role": "assistant", "content": " ".join(words)}, "finish_reason": "stop"}
            self._reply({"choices": [choice], "usage": used})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for place, word in enumerate(words):
            text = word if place == 0 or self.flaw == "stream" else f" {word}"
            self._event({"choices": [{"delta": {"content": text}, "finish_reason": None}]})
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": used})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, content: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(content)}\n\n".encode())

    def _reply(self, content: dict[str, Any], status: int = 200) -> None:
        written = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


def asked_of(content: bytes) -> dict[str, Any] | None:
    """Return a chat request, or nothing where the body is none."""
    try:
        body: dict[str, Any] = json.loads(content)
        known = all(isinstance(turn["content"], str) and turn["role"] in ROLES for turn in body["messages"])
        return body if known and body["messages"] and isinstance(body.get("max_tokens", 1), int) else None
    except (ValueError, KeyError, TypeError):
        return None


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="fake")
    parser.add_argument("--folder", type=Path, help="model folder; refused if its weights are truncated")
    parser.add_argument("--flaw", default="", choices=FLAWS)
    given = parser.parse_args()
    cut = [path.name for path in sorted(given.folder.glob("*.safetensors")) if is_cut(path)] if given.folder else []
    if cut:
        raise SystemExit(f"{given.folder}: cut off: {', '.join(cut)}")
    Handler.model, Handler.flaw = given.model, given.flaw
    try:
        server = ThreadingHTTPServer((given.host, given.port), Handler)
    except OSError:
        if given.flaw != "elsewhere":
            raise
        server = ThreadingHTTPServer((given.host, 0), Handler)
    if given.flaw in ("escape", "apart"):
        serve_from_a_child(server, escapes=given.flaw == "escape")
    server.serve_forever()


def is_cut(weights: Path) -> bool:
    """Return True if the file is shorter than its header says (https://huggingface.co/docs/safetensors#format)."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        head = file.read(length)
    if len(head) < length:
        return True
    ends = [entry["data_offsets"][1] for name, entry in json.loads(head).items() if name != "__metadata__"]
    return weights.stat().st_size < 8 + length + max(ends, default=0)


def serve_from_a_child(server: ThreadingHTTPServer, escapes: bool) -> None:
    """Serve in a child; this process only waits, or ends at once if ``escape``.

    That has a process group of its own, where whoever stops this one does not find it.
    """
    parent, child = os.getpid(), os.fork()
    if child:
        server.socket.close()
        if escapes:
            os.waitpid(child, 0)
            raise SystemExit(1)
        threading.Event().wait()
    if escapes:
        os.setsid()
        threading.Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.1)
    time.sleep(AFTERLIFE)
    os._exit(0)


if __name__ == "__main__":
    main()
