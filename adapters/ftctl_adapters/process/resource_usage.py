"""CPU time and memory of a server on this machine, found by its port."""

import threading
from typing import Self
from urllib.parse import urlsplit

from attrs import define, field

HERE = ("127.0.0.1", "localhost", "::1")
LOOK_SECONDS = 0.2


@define
class Watch:
    """A process and its descendants, sampled while this is open.

    ``cpu_seconds`` is what they computed meanwhile; ``peak_bytes`` the most memory that they held at once, of which
    pages that they share are counted for each.
    """

    pid: int
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None
    _seen: dict[int, tuple[float, float]] = field(factory=dict)

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Return a watch on the process that listens at a URL; ``None`` for another machine or unknown owner."""
        import psutil

        place = urlsplit(url)
        if place.hostname not in HERE:
            return None
        try:
            found = psutil.net_connections("tcp")
        except psutil.Error:
            return None
        pids = [one.pid for one in found if one.status == psutil.CONN_LISTEN and one.laddr.port == place.port]
        return cls(pids[0]) if pids and pids[0] else None

    def __enter__(self) -> Self:
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        self._look()
        self.cpu_seconds = sum(last - first for first, last in self._seen.values())

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        """Sample CPU time and memory; a process started meanwhile counts from its start."""
        import psutil

        try:
            leader = psutil.Process(self.pid)
            group = [leader, *leader.children(recursive=True)]
        except psutil.Error:
            return
        began, held = not self._seen, 0
        for process in group:
            try:
                times, held = process.cpu_times(), held + process.memory_info().rss
            except psutil.Error:
                continue
            spent = times.user + times.system
            first, _ = self._seen.get(process.pid, (spent if began else 0.0, spent))
            self._seen[process.pid] = first, spent
        self.peak_bytes = max(self.peak_bytes, held)
