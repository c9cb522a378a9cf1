"""A stand-in of the Hugging Face hub on loopback, which huggingface_hub downloads models and data sets from.

Folders under ``ROOT/models/ORG/NAME`` and ``ROOT/datasets/ORG/NAME`` are its repositories. One with ``gated`` in its
name is refused as a gated one is. Every request is kept, and answers can be made to fail.
"""

import hashlib
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attrs import define, field

GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this repository is restricted."}
LARGE = (".safetensors", ".bin", ".parquet")
MISSING = {"X-Error-Code": "RepoNotFound"}


@define
class Requested:
    """One request: method, path, range and whether a token came with it."""

    method: str
    path: str
    range: str
    token: bool


@define
class HubStandIn:
    """Repositories below ``root``, what was asked for, and what is to fail.

    ``cut`` maps a file's name to the number of bytes after which its first download breaks off, ``stuck`` to those
    after which nothing more comes; ``busy`` is how many requests for files are answered by 503 first; ``spoilt`` are
    files whose bytes differ from what is announced.
    """

    root: Path
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    requests: list[Requested] = field(factory=list)
    cut: dict[str, int] = field(factory=dict)
    stuck: dict[str, int] = field(factory=dict)
    busy: int = 0
    spoilt: set[str] = field(factory=set)
    store: str = ""
    """URL of another host that files are sent from, as the hub sends large ones."""
    url: str = ""

    def downloads(self) -> Counter[str]:
        """Return the names of files whose content was sent, whole or in part, by the number of requests."""
        got = [one.path for one in self.requests if one.method == "GET" and "/resolve/" in one.path]
        return Counter(path.partition("/resolve/")[2].partition("/")[2] for path in got)

    def repository(self, kind: str, name: str) -> Path:
        """Return the folder of a repository, made if it is not there."""
        folder = self.root / f"{kind}s" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def serving_hub(root: Path) -> Iterator[HubStandIn]:
    """Serve the repositories below ``root`` until the block ends."""
    hub = HubStandIn(root)

    class Handler(_Handler):
        standin = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: HubStandIn

    def log_message(self, *_: Any) -> None:
        """Say nothing: requests are kept."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(404, b"{}")

    def do_GET(self) -> None:
        path = urllib.parse.unquote(self.path.partition("?")[0])
        token = "Authorization" in self.headers
        self.standin.requests.append(Requested(self.command, path, self.headers.get("Range", ""), token))
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            self._api(parts[1:])
            return
        kind = "datasets" if parts[0] == "datasets" else "models"
        parts = parts[1:] if kind == "datasets" else parts
        if len(parts) > 4 and parts[2] == "resolve":
            self._file(kind, "/".join(parts[:2]), "/".join(parts[4:]))
        else:
            self._send(404)

    def _api(self, parts: list[str]) -> None:
        kind, name = parts[0], "/".join(parts[1:3])
        if kind not in ("models", "datasets"):
            self._send(404, b"{}")
        elif not parts[1:]:
            found = sorted((self.standin.root / kind).glob("*/*"))
            self._json([{"id": f"{one.parent.name}/{one.name}"} for one in found])
        elif "gated" in name:
            self._send(401, b'{"error": "restricted"}', GATED)
        elif not (folder := self.standin.root / kind / name).is_dir():
            self._send(404, b'{"error": "Repository not found"}', MISSING)
        elif parts[3:4] == ["tree"]:
            self._json(_tree(folder))
        elif parts[3:4] == ["revision"] and parts[4] not in ("main", self.standin.commit):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            self._json({"id": name, "sha": self.standin.commit, "siblings": _siblings(folder), "private": False})

    def _file(self, kind: str, name: str, file: str) -> None:
        path = self.standin.root / kind / name / file
        if "gated" in name:
            self._send(401, b"{}", GATED)
        elif not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.standin.commit})
        elif self.command == "GET" and self.standin.busy:
            self.standin.busy -= 1
            self._send(503, b"busy")
        elif self.command == "GET" and self.standin.store:
            self._send(302, b"", {"Location": self.standin.store + self.path})
        else:
            self._content(path)

    def _content(self, path: Path) -> None:
        data = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": self.standin.commit,
            "X-Linked-Size": str(len(data)),
            "Accept-Ranges": "bytes",
        }
        asked = self.headers.get("Range")
        status = 200
        if asked and self.command == "GET":
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{len(data)}"
            status, data = 206, data[int(first) : end + 1]
        if path.name in self.standin.spoilt:
            data = bytes(255 - byte for byte in data)
        sent = self.standin.stuck.get(path.name) if self.command == "GET" else None
        cut = self.standin.cut.pop(path.name, None) if self.command == "GET" else None
        self._send(status, data, headers, cut=sent or cut, stuck=sent is not None)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(
        self,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        cut: int | None = None,
        stuck: bool = False,
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        while stuck and self.standin.stuck:
            time.sleep(0.05)
        if cut is not None:
            self.close_connection = True


def _tree(folder: Path) -> list[dict[str, Any]]:
    return [
        {"type": "file", "path": one["rfilename"], "size": one["size"], "oid": one["blobId"]}
        for one in _siblings(folder)
    ]


def _siblings(folder: Path) -> list[dict[str, Any]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [_sibling(str(path.relative_to(folder)), path.read_bytes()) for path in files]


def _sibling(name: str, data: bytes) -> dict[str, Any]:
    """Return what the hub tells of a file; large ones have a SHA-256."""
    git = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
    large = {"lfs": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 134}}
    return {"rfilename": name, "size": len(data), "blobId": git} | (large if name.endswith(LARGE) else {})
