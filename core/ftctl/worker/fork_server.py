"""Fork server: imports what jobs need and forks for each of them: ``python -m ftctl.worker.fork_server``.

Started by `ftctl_adapters.process.fork_client`, whose requests it reads from a socket. It never starts a thread and
never touches a GPU, because neither survives a fork; where a module that it imports does so, it ends, and jobs are
started in processes of their own.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ftctl.worker.forked_job import ForkRequest, become_guard

REQUEST_BYTES = 1 << 17
"""The longest request; a longer one is started in a process of its own."""
READY = b"ready"
HANDED = 2
"""Descriptors that come with a request: the control socket of the job, and its log."""


def main(arguments: Sequence[str]) -> int:
    """Import modules and fork for requests until nobody can make one any more.

    Args:
        arguments: the descriptor of a connected socket, or the path of one to listen at; then modules.
    """
    # children are waited for by nobody here: their guards tell how they ended
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # what is frozen before a fork is shared with the child for longer
    gc.disable()
    place, modules = arguments[0], arguments[1:]
    if place.isdecimal():
        return ForkServer(None, [socket.socket(fileno=int(place))], list(modules)).serve()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        # under its own name it appears when it can be connected to
        draft = f"{place}.starting"
        listening.bind(draft)
        listening.listen()
        Path(draft).rename(place)
        return ForkServer(listening, [], list(modules)).serve()


class ForkServer:
    """Fork server; answers requests at once, and imports one module after the other in between.

    Requests are JSON: a `ForkRequest` with two descriptors, or ``{"import": [module, …]}``. Everybody who is connected
    is told ``ready`` when all modules are imported.
    """

    def __init__(
        self, listening: socket.socket | None, connected: Sequence[socket.socket], modules: Sequence[str]
    ) -> None:
        self._listening = listening
        self._modules = list(modules)
        self._waiting = select.poll()
        self._sockets = dict[int, socket.socket]()
        for one in (*connected, *([listening] if listening else [])):
            self._add(one)

    def serve(self) -> int:
        """Return 0 when everybody has gone; a server that listens goes on."""
        while self._sockets:
            asked = self._waiting.poll(0 if self._modules else None)
            for number, _ in asked:
                self._hear(self._sockets[number])
            if self._modules and not asked:
                # a module that cannot be imported is the job's to complain about
                with contextlib.suppress(Exception):
                    import_module(self._modules.pop(0))
                self._tell_ready(self._sockets.values())
        return 0

    def _add(self, one: socket.socket) -> None:
        self._sockets[one.fileno()] = one
        self._waiting.register(one, select.POLLIN)

    def _tell_ready(self, those: Iterable[socket.socket]) -> None:
        for one in () if self._modules else those:
            if one is not self._listening:
                with contextlib.suppress(OSError):
                    one.send(READY, socket.MSG_DONTWAIT)

    def _hear(self, one: socket.socket) -> None:
        if one is self._listening:
            self._add(one.accept()[0])
            self._tell_ready(self._sockets.values())
            return
        data, handed = _received(one)
        if not data:
            self._waiting.unregister(one)
            self._sockets.pop(one.fileno()).close()
            return
        asked = json.loads(data)
        self._modules += [name for name in asked.pop("import", ()) if name not in sys.modules]
        if handed:
            self._fork(ForkRequest(**asked), handed)
        else:
            self._tell_ready([one])

    def _fork(self, asked: ForkRequest, handed: Sequence[int]) -> None:
        """Fork the guard of a job; where this process must not, its socket ends, and the job is started anew."""
        control, log = handed
        try:
            if unfit():
                return
            gc.freeze()
            try:
                guard = os.fork()
            except OSError:
                # too many processes, or too little memory, for now
                return
            if guard == 0:
                for held in self._sockets.values():
                    held.close()
                become_guard(asked, socket.socket(fileno=control), log)
        finally:
            os.close(control)
            os.close(log)


def unfit() -> str:
    """Return why this process must not fork; empty where it may."""
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads > 1:
        return f"{threads} threads run"
    torch: Any = sys.modules.get("torch")
    return "CUDA is in use" if torch and torch.cuda.is_initialized() else ""


def _received(channel: socket.socket) -> tuple[bytes, list[int]]:
    try:
        data, handed, _, _ = socket.recv_fds(channel, REQUEST_BYTES, HANDED)
    except ConnectionError:
        return b"", []
    return data, handed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
