"""A fork server seen from ftctl: started in the background, asked to fork jobs."""

import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from ftctl.domain.interpreter import Interpreter
from ftctl.worker.fork_server import READY
from ftctl_adapters.process.child_environment import child_environment
from ftctl_adapters.process.fork_refresh import REFRESH
from ftctl_adapters.process.forked_group import ForkedGroup, NotForked
from ftctl_adapters.process.group import ProcessGroup
from ftctl_adapters.process.spawned_group import SpawnedGroup

MODULE = "ftctl.worker.fork_server"
ANSWER_SECONDS = 60.0
"""How long a server may take to import modules and fork; then the job is started anew."""
REQUEST_BYTES = 100_000
SHARED = "FTCTL_FORK_SERVERS"
"""Names a folder in which servers of others listen, each under the digest of what it was started with."""
AT_RUN_TIME = frozenset({"FTCTL_FAULT", "FTCTL_TEST_BUILD", "HF_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"})
"""Variables that are read when they are needed, and not while modules are imported."""
NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Linear algebra of NumPy and memory of Arrow start threads when they are imported; jobs set their own number."""


class ForkClient:
    """The connection to one server, and the server itself where it is ours."""

    def __init__(self, channel: socket.socket, group: ProcessGroup | None) -> None:
        self._channel, self._group, self._ready = channel, group, False

    @classmethod
    def start(cls, python: Interpreter) -> "ForkClient":
        """Start a server in an interpreter."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            theirs.set_inheritable(True)
            argv = server_command(python.path, str(theirs.fileno()))
            return cls(ours, SpawnedGroup(argv, Path(os.devnull), python.variables | NO_THREADS))

    @classmethod
    def connect(cls, python: Interpreter) -> "ForkClient | None":
        """Return a connection to a server that somebody shares, where there is one like that we would start."""
        place = shared_place(python)
        if place is None or not place.exists():
            return None
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(str(place))
        except OSError:
            channel.close()
            return None
        return cls(channel, None)

    @property
    def ready(self) -> bool:
        """True once the server has imported all that it was asked to."""
        with contextlib.suppress(OSError):
            while self._channel.recv(len(READY), socket.MSG_DONTWAIT) == READY:
                self._ready = True
        return self._ready

    def expect(self, modules: Sequence[str]) -> None:
        """Ask the server to import further modules when nobody wants it to fork."""
        self._ready = False
        with contextlib.suppress(OSError):
            self._channel.send(json.dumps({"import": list(modules)}).encode())

    def fork(self, module: str, arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> ForkedGroup:
        """Have ``python -m module arguments`` run with these variables, which are added to those of every child.

        Raises:
            NotForked: the server is gone, is not fit to fork, or does not answer.
        """
        try:
            asked = {
                "module": module,
                "arguments": list(arguments),
                "variables": child_environment(variables),
                "folder": str(Path.cwd()),
                "refresh": REFRESH,
            }
        except OSError as error:
            # the current folder is gone
            raise NotForked from error
        data = json.dumps(asked).encode()
        if len(data) > REQUEST_BYTES:
            raise NotForked
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, log.open("ab") as output:
                socket.send_fds(self._channel, [data], [theirs.fileno(), output.fileno()])
        except OSError as error:
            control.close()
            raise NotForked from error
        return ForkedGroup(control, ANSWER_SECONDS)

    def close(self) -> None:
        """End the server where it is ours; what it has forked goes on."""
        self._channel.close()
        if self._group:
            with contextlib.suppress(OSError):
                self._group.stop(grace=0.0, linger=0.0)


def server_command(python: str, place: str, modules: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what starts a server: ``place`` is an inherited descriptor, or a path to listen at."""
    return (python, "-P", "-m", MODULE, place, *modules)


def shared_place(python: Interpreter) -> Path | None:
    """Return where a server like ours would listen: one of the same interpreter and the same variables."""
    folder = os.environ.get(SHARED)
    if not folder:
        return None
    seen = {key: value for key, value in child_environment(python.variables).items() if key not in AT_RUN_TIME}
    return Path(folder) / sha256(json.dumps([python.path, seen], sort_keys=True).encode()).hexdigest()[:16]
