"""Files behind addresses: fetched once, and never from inside of one's own network."""

import datetime
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records import url_cache as module
from ftctl_adapters.records.locations import find_places
from ftctl_adapters.records.tables import read_rows
from ftctl_adapters.records.url_cache import fetched, public
from tests.openai_server import POLL_SECONDS

ROWS = b'{"text": "a"}\n{"text": "b"}\n'


@define
class Site:
    """What a host answers by path, and what it was asked."""

    files: dict[str, bytes] = field(factory=dict)
    moved: dict[str, str] = field(factory=dict)
    asked: list[tuple[str, str | None]] = field(factory=list)
    port: int = 0


def certificate(folder: Path) -> tuple[Path, Path]:
    """One that signs itself, for ``rows.example.org``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rows.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("rows.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(plain)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """``rows.example.org`` on the loopback, taken for a public host."""
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tag = self.headers.get("If-None-Match")
            found.asked.append((self.path, tag))
            content = found.files.get(self.path.partition("?")[0])
            known = f'"{hashlib.sha256(content or b"").hexdigest()[:8]}"'
            if self.path in found.moved:
                self.send_response(302)
                self.send_header("Location", found.moved[self.path])
                self.end_headers()
            elif content is None or tag == known:
                self.send_response(404 if content is None else 304)
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("ETag", known)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    connect, look_up = socket.create_connection, socket.getaddrinfo
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: look_up(
        "127.0.0.1" if host == "rows.example.org" else host, *a, **k))  # fmt: skip
    monkeypatch.setattr(socket, "create_connection", lambda place, *a, **k: connect(("127.0.0.1", found.port), *a, **k))
    monkeypatch.setattr(module, "public", lambda address: address == "127.0.0.1" or public(address))
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


URL = "https://rows.example.org/data/rows.jsonl"


def test_rows_are_fetched_once_and_again_where_they_changed(site: Site) -> None:
    site.files["/data/rows.jsonl"] = ROWS
    for _ in range(2):
        (place,) = find_places(URL)
        assert [(row.where, row[1]) for row in read_rows(place)] == [  # type: ignore[union-attr]
            ("rows.jsonl:1", {"text": "a"}), ("rows.jsonl:2", {"text": "b"})]  # fmt: skip
    assert [bool(tag) for _, tag in site.asked] == [False, True]
    before = place.state()
    site.files["/data/rows.jsonl"] = ROWS * 2
    assert find_places(URL)[0].state() != before


def test_redirects_are_followed_as_if_they_were_named(site: Site) -> None:
    site.files["/new/rows.jsonl"] = ROWS
    site.moved["/data/rows.jsonl"] = "/new/rows.jsonl?at=1"
    assert fetched(URL).read_bytes() == ROWS
    site.moved["/new/rows.jsonl?at=1"] = URL
    with pytest.raises(DataSourceError, match="more than 5 redirects"):
        fetched(URL)


@pytest.mark.parametrize(
    "target",
    [
        *("http://rows.example.org/a.jsonl", "file:///etc/passwd", "https://10.0.0.1/a.jsonl"),
        *("https://[::ffff:10.0.0.1]/a.jsonl", "https://rows.example.org:8443/a.jsonl"),
    ],
)
def test_a_redirect_leads_nowhere_else(target: str, site: Site) -> None:
    site.moved["/data/rows.jsonl"] = target
    with pytest.raises(DataSourceError, match="is not read|is not a public address"):
        fetched(URL)
    assert len(site.asked) == 1


def test_what_is_not_there_or_breaks_off_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DataSourceError, match="the server says 404"):
        fetched(URL)
    assert not list((tmp_path / "cache").rglob("rows.jsonl"))
    site.files["/data/rows.jsonl"] = ROWS
    kept = fetched(URL)
    kept.write_bytes(ROWS[:5])
    assert fetched(URL).read_bytes() == ROWS
    (kept.parent / "answer.json").write_text(json.dumps([]))
    assert fetched(URL).read_bytes() == ROWS


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.jsonl", "https://[::1]/a.jsonl", "https://[::ffff:127.0.0.1]/a.jsonl",
        "https://169.254.169.254/a.jsonl", "https://10.1.2.3/a.jsonl", "https://2130706433/a.jsonl",
        "https://0x7f.1/a.jsonl", "https://localhost/a.jsonl", "https://127.0.0.1\\@ok.example/a.jsonl",
        "https://user:planted@ok.example/a.jsonl", "https://ok.example:22/a.jsonl", "https://[bad/a.jsonl",
        "https://100.64.0.1/a.jsonl", "https://[fd00::1]/a.jsonl", "https://0.0.0.0/a.jsonl",
    ],
)  # fmt: skip
def test_ones_own_network_is_never_asked(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def trap(*_: Any, **__: Any) -> None:
        pytest.fail("a connection")

    monkeypatch.setattr(socket, "create_connection", trap)
    with pytest.raises(DataSourceError) as caught:
        fetched(url)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_are(address: str) -> None:
    assert public(address)
