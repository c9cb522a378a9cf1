"""Find out whether a port belongs to a server of ours, from Linux's /proc."""

from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"
PROC = Path("/proc")


def is_foreign(port: int, session: int, mark: str) -> bool:
    """Return True if only programs of others listen on the IPv4 port.

    Ours are processes of the session, and those that were started with ``mark`` (``NAME=value``) in their environment.
    False where that cannot be known: on systems without ``/proc/net/tcp``, for processes of other users.
    """
    sockets = _listening(port)
    holders = [process for process in PROC.glob("[0-9]*") if _holds(process, sockets)] if sockets else []
    return bool(holders) and not any(_session(one) == session or mark in _environment(one) for one in holders)


def _listening(port: int) -> set[str]:
    """Return the sockets that listen on the port, as links in ``/proc/PID/fd`` name them."""
    try:
        rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == LISTENING}


def _holds(process: Path, sockets: set[str]) -> bool:
    return any(link in sockets for link in _links(process))


def _links(process: Path) -> Iterator[str]:
    try:
        for handle in (process / "fd").iterdir():
            yield str(handle.readlink())
    except OSError:
        return  # it has ended, or is another user's


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, ValueError, IndexError):
        return 0


def _environment(process: Path) -> list[str]:
    try:
        return (process / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
