"""Find out whether a port belongs to a server of ours, from Linux's /proc."""

from pathlib import Path

LISTENING = "0A"
PROC = Path("/proc")


def is_foreign(port: int, session: int) -> bool:
    """Return True if a program outside of the session listens on the IPv4 port, and none within it.

    False where that cannot be known: on systems without ``/proc/net/tcp``.
    """
    sockets = _listening(port)
    return bool(sockets) and not any(_holds(process, sockets) for process in _members(session))


def _listening(port: int) -> set[str]:
    """Return the sockets that listen on the port, as links in ``/proc/PID/fd`` name them."""
    try:
        rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == LISTENING}


def _members(session: int) -> list[Path]:
    """Return the folders of a session's processes."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                found.append(stat.parent)
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
    return found


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(handle.readlink()) in sockets for handle in (process / "fd").iterdir())
    except OSError:
        return False
