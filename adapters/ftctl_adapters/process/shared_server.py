"""A fork server for several ftctl commands, named by ``FTCTL_FORK_SERVERS``: ``python -m`` this module.

Commands with the same interpreter, the same variables and ``FTCTL_FORK_SERVERS`` fork from it instead of starting their
own. Whoever can write to the folder can run programs as its owner, so it must be private. Made for sessions of tests.
"""

import os
import sys

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.process.child_environment import child_environment
from ftctl_adapters.process.fork_client import NO_THREADS, SHARED, server_command, shared_place
from ftctl_adapters.process.preload import imported_before_a_fork

NEEDED = ("torch", "transformers", "peft", "rouge_score", "sacrebleu", "fastapi", "uvicorn")


def main() -> None:
    """Become the server."""
    python = Interpreter(sys.executable)
    place = shared_place(python)
    if place is None:
        sys.exit(f"{SHARED} must name a private folder")
    command = server_command(python.path, str(place), imported_before_a_fork(NEEDED))
    os.execve(python.path, command, child_environment(NO_THREADS))  # noqa: S606


if __name__ == "__main__":
    main()
