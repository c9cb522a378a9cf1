"""Cache of files behind ``https`` URLs, revalidated on each use.

What a run file names must not lead into the network that ftctl runs in: every address that a host has is looked at, the
connection goes to the one that was looked at, and every redirect begins anew.
"""

import hashlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from ftctl.ports.data_source import DataSourceError

REDIRECTS, TIMEOUT = 5, 60.0
"""How often an answer may name another address, and seconds without a byte."""

MAX_BYTES = 64 << 30
BLOCK = 1 << 20
MOVED = (301, 302, 303, 307, 308)


def fetched(url: str) -> Path:
    """Return the cached file of the URL, under the name that the URL ends with.

    Raises:
        DataSourceError: it cannot be had, is too large, or its host is not a public one.
    """
    folder, name = _cache() / hashlib.sha256(url.encode()).hexdigest()[:32], Path(_checked(url).path).name
    if not name or "%" in name:
        raise DataSourceError(f"{_shown(url)}: the address names no file", next_step="fetch it yourself, and name it")
    known = _known(folder, name)
    try:
        answer, connection = _answer(url, {"If-None-Match": known["etag"]} if known.get("etag") else {})
        try:
            if answer.status == 304:
                return folder / name
            if answer.status != 200:
                raise DataSourceError(f"{_shown(url)}: the server says {answer.status}", next_step="check the address")
            return _stored(answer, folder, name, url)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        text = f"{_shown(url)}: cannot be fetched: {type(error).__name__}"
        raise DataSourceError(text, next_step="fetch it yourself, and name the file") from error


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ftctl" / "fetched"


def _known(folder: Path, name: str) -> dict[str, Any]:
    """Return the stored headers of a cached file; empty if no complete one is there."""
    try:
        found = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        return dict(found) if (folder / name).stat().st_size == found["bytes"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _answer(url: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, http.client.HTTPSConnection]:
    for _ in range(REDIRECTS + 1):
        parts = _checked(url)
        connection = _Pinned(parts.hostname or "", parts.port or 443)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("GET", path, headers={"User-Agent": "ftctl", "Accept-Encoding": "identity", **headers})
        answer = connection.getresponse()
        if answer.status not in MOVED:
            return answer, connection
        connection.close()
        url = urljoin(url, answer.headers.get("Location", ""))
    raise DataSourceError(f"{_shown(url)}: more than {REDIRECTS} redirects", next_step="check the address")


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = parts.scheme == "https" and parts.hostname and parts.port in (None, 443)
    except ValueError:
        named = False
    if not named or parts.username or parts.password or any(one in url for one in "\\\r\n\t "):
        step = "an address begins with https://, and has no name, password or port"
        raise DataSourceError(f"{_shown(url)}: is not read", next_step=step)
    return parts


def public(address: str) -> bool:
    """Return True if the address is public: not this machine, private, reserved, or embedding such a one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inside = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return (inside or found).is_global and not found.is_multicast


class _Pinned(http.client.HTTPSConnection):
    """HTTPS connection that resolves the host once, and connects to the checked address."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, timeout=TIMEOUT, context=ssl.create_default_context())

    def connect(self) -> None:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)]
        if not found or not all(map(public, found)):
            raise DataSourceError(f"{self.host}: is not a public address", next_step="fetch the file yourself")
        plain = socket.create_connection((found[0], self.port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def _stored(answer: http.client.HTTPResponse, folder: Path, name: str, url: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    half, size = folder / f".{os.getpid()}.half", 0
    try:
        with half.open("wb") as file:
            while block := answer.read(BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise DataSourceError(f"{_shown(url)}: over {MAX_BYTES >> 30} GiB", next_step="fetch it yourself")
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        (folder / "answer.json").unlink(missing_ok=True)
        half.replace(folder / name)
    finally:
        half.unlink(missing_ok=True)
    told = {"etag": answer.headers.get("ETag"), "bytes": size}
    (folder / "answer.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / name


def _shown(url: str) -> str:
    """Return the URL without possible secrets."""
    return url.partition("?")[0].rpartition("@")[2][:200]
