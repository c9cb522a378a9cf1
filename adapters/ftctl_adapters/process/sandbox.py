"""Runs what a model wrote: without network, with nothing to write to, in bounds, and gone afterwards."""

import contextlib
import json
import subprocess
import sys
import tempfile

from attrs import asdict, frozen

from ftctl.errors import BackendFailed
from ftctl_adapters.process import confine

TOLD = 2000
"""Bytes of what it printed that are looked at."""
GRACE_SECONDS = 5.0
WELL = 77
WHOLE = f"""import os, sys
exec(compile(sys.stdin.buffer.read(), 'program', 'exec'), {{'__name__': 'program'}})
os._exit({WELL})
"""
"""The program, as if it were imported, and what ends with a code of its own behind it."""
PYTHON = (sys.executable, "-I", "-S")


@frozen
class Bounds:
    """Of one program: seconds of the clock, address space of each process, processes and threads it may start."""

    seconds: float = 3.0
    memory_mb: int = 512
    processes: int = 32


@frozen
class Ran:
    """How a program ended; ``why`` is empty where it ended well."""

    ok: bool
    why: str = ""


def run_python(source: str, bounds: Bounds) -> Ran:
    """Runs a Python program in an empty folder in memory, as its home too, with no variables of ours.

    It ends well when it comes to its end; who leaves before has not shown anything. It can read what the user can read,
    and tell nobody.

    Raises:
        BackendFailed: this machine lets nobody shut a program off.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ftctl-code-") as folder,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
    ):
        given.write(source.encode("utf-8", "replace"))
        given.seek(0)
        limits = json.dumps(asdict(bounds) | {"folder": folder})
        process = subprocess.Popen(
            [*PYTHON, confine.__file__, limits, *PYTHON, "-c", WHOLE],
            env={"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(bounds.seconds + GRACE_SECONDS)
        finally:
            process.kill()
            code = process.wait()
        said.seek(max(0, said.seek(0, 2) - TOLD))
        return _ended(code, said.read().decode(errors="replace").strip())


def _ended(code: int, said: str) -> Ran:
    if code == confine.UNABLE:
        text = f"programs cannot be shut off here ({said.removeprefix('confine: ')})"
        step = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or a container that may), on Linux"
        raise BackendFailed(text, next_step=step)
    reasons = {confine.TOO_LONG: "ran too long", confine.TOO_MANY: "started too many processes"}
    last = said.splitlines()[-1] if said else f"ended with {code}"
    return Ran(code == WELL, "" if code == WELL else reasons.get(code, last))
