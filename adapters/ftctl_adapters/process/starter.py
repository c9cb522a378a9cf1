"""Start processes: new ones, or forks of one that has imported what they need."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from ftctl.domain.interpreter import Interpreter
from ftctl.faults import fault
from ftctl_adapters.process.fork_client import ForkClient
from ftctl_adapters.process.forked_group import NotForked
from ftctl_adapters.process.group import ProcessGroup
from ftctl_adapters.process.preload import imported_before_a_fork
from ftctl_adapters.process.spawned_group import SpawnedGroup


class Fork(Enum):
    """Policy of a start: fork and wait for imports, fork only from an idle server, or never fork."""

    WAIT = "wait"
    IF_READY = "if ready"
    NEVER = "never"


_Key = tuple[str, tuple[tuple[str, str], ...]]


class ProcessStarter:
    """Starter with one fork server an interpreter, started by `expect`; ``warm`` False does without."""

    def __init__(self, *, warm: bool = True) -> None:
        self._warm = warm and sys.platform == "linux"
        self._servers = dict[_Key, ForkClient]()

    def expect(self, python: Interpreter, modules: Sequence[str]) -> None:
        """Begin to import modules in this interpreter, for processes that will be started."""
        key, known = _key(python), imported_before_a_fork(modules)
        if not self._warm:
            return
        if key in self._servers:
            self._servers[key].expect(known)
            return
        with contextlib.suppress(OSError):
            self._servers[key] = ForkClient.connect(python) or ForkClient.start(python)
            self._servers[key].expect(known)

    def start(
        self, python: Interpreter, argv: Sequence[str], log: Path, extra: Mapping[str, str], *, fork: Fork = Fork.WAIT
    ) -> ProcessGroup:
        """Run a command; ``python -m MODULE …`` is forked where its interpreter has a fork server.

        Args:
            python: the interpreter of the command, whose variables the process gets.
            argv: the command. Of ``python -m`` the current folder is not searched for modules.
            log: takes standard output and error.
            extra: further variables.
            fork: whether it waits for a server that is importing modules.
        """
        variables = python.variables | dict(extra)
        module = tuple(argv[:2]) == (python.path, "-m")
        server = self._servers.get(_key(python)) if module and fork != Fork.NEVER else None
        if server and (fork == Fork.WAIT or server.ready):
            fault("process.start.before")
            try:
                return server.fork(argv[2], argv[3:], variables, log)
            except NotForked:
                server.close()
                del self._servers[_key(python)]
        command = (argv[0], "-P", *argv[1:]) if module else tuple(argv)
        return SpawnedGroup(command, log, variables)

    def close(self) -> None:
        """End the fork servers; processes that were started go on."""
        while self._servers:
            self._servers.popitem()[1].close()


def _key(python: Interpreter) -> _Key:
    return python.path, tuple(sorted(python.variables.items()))
