"""The process that listens on a port."""

from pathlib import Path

import pytest

LISTENING = "0A"


def listeners(port: int) -> list[int]:
    """Return the processes that listen on an IPv4 port, from Linux's /proc; elsewhere the test is skipped."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("which process listens on a port is only known on Linux")
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == LISTENING}
    found = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit() and _holds(place, sockets)]
    assert found, f"no process of this user listens on port {port}"
    return found


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(handle.readlink()) in sockets for handle in (process / "fd").iterdir())
    except OSError:
        return False
