"""What a server takes of this machine: that of the process that listens, and of all that it has started."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ftctl_adapters.process.resource_usage import Watch

pytest.importorskip("psutil")
SERVER = """
import socket, subprocess, sys
held = bytearray(64 << 20)
door = socket.create_server(("127.0.0.1", 0))
busy = "held = bytearray(96 << 20); print(1, flush=True)\\nwhile 1: pass"
child = subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE)
child.stdout.readline()
print(door.getsockname()[1], flush=True)
sys.stdin.read()
child.kill()
"""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that holds 64 MiB, and whose child holds 96 and keeps a core busy."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout
        yield int(running.stdout.readline())
        assert running.stdin
        running.stdin.close()


def test_a_server_is_known_by_its_port_and_counted_with_what_it_has_started(port: int) -> None:
    watch = Watch.of(f"http://127.0.0.1:{port}/v1")
    assert watch is not None
    with watch:
        # until the child has computed something, however busy this machine is
        deadline = time.monotonic() + 30
        while watch._seen and max(last - first for first, last in watch._seen.values()) < 0.1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert watch.cpu_seconds >= 0.1
    assert watch.peak_bytes > (64 + 96) << 20


def test_who_is_elsewhere_or_listens_to_nobody_is_not_watched() -> None:
    assert Watch.of("http://192.0.2.1:8000/v1") is None
    with socket.create_server(("127.0.0.1", 0)) as door:
        free = door.getsockname()[1]
    assert Watch.of(f"http://127.0.0.1:{free}/v1") is None
