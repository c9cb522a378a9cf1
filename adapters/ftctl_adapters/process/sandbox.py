"""Runs what a model wrote: without network, without files of ours, in bounds, and gone afterwards."""

import contextlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import asdict, frozen

from ftctl.errors import BackendFailed
from ftctl_adapters.process import confine

TOLD = 2000
"""Bytes of what it printed that are looked at."""
GRACE_SECONDS = 5.0
WHOLE = """import os, sys, types
def whole(well, source):
    module = sys.modules['program'] = types.ModuleType('program')
    exec(compile(source, 'program', 'exec'), module.__dict__)
    os._exit(int(well))
whole(*sys.stdin.buffer.read().split(b'\\n', 1))
"""
"""The program, as if it were imported, and what ends with a code that it was not told behind it."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
"""What an interpreter and its libraries may be made of, beside its own folder."""


@frozen
class Bounds:
    """Of one program: seconds of the clock, memory of all its processes and address space of each, and how many
    processes and threads it may start.
    """

    seconds: float = 3.0
    memory_mb: int = 512
    processes: int = 32


@frozen
class Ran:
    """How a program ended; ``why`` is empty where it ended well."""

    ok: bool
    why: str = ""


def refuse_in_the_open(bounds: Bounds) -> None:
    """Runs a program that cannot fail, before others are judged by how they end.

    Raises:
        BackendFailed: this machine lets nobody shut a program off, or not within these bounds.
    """
    ran = run_python("", bounds)
    if not ran.ok:
        raise BackendFailed(f"not even an empty program ends well in these bounds: {ran.why}", next_step="allow more")


def run_python(source: str, bounds: Bounds) -> Ran:
    """Runs a Python program in an empty home in memory, with no variables of ours.

    It ends well when it comes to its end; who leaves before has not shown anything. Of files it sees the interpreter's
    own and the system's programs.

    Raises:
        BackendFailed: this machine lets nobody shut a program off.
    """
    well = random.SystemRandom().randrange(50, 200)
    python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    with (
        tempfile.TemporaryDirectory(prefix="ftctl-code-") as folder,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
    ):
        given.write(f"{well}\n{source}".encode("utf-8", "replace"))
        given.seek(0)
        limits = json.dumps(asdict(bounds) | {"folder": folder, "kept": _kept(python)})
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", confine.__file__, limits, python, "-I", "-S", "-c", WHOLE],
            env={"HOME": confine.HOME, "TMPDIR": confine.HOME, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
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
        return _ended(code, code == well, said.read().decode(errors="replace").strip())


def _kept(python: str) -> list[str]:
    """Folders without which the interpreter cannot start; none of them inside another."""
    own = (sys.base_prefix, sys.base_exec_prefix, str(Path(python).parent))
    found: list[str] = []
    for path in (*SYSTEM, *own):
        inside = any(Path(path).is_relative_to(one) for one in found if not Path(one).is_symlink())
        if path != "/" and Path(path).is_dir() and not inside:
            found.append(path)
    return found


def _ended(code: int, well: bool, said: str) -> Ran:
    if code == confine.UNABLE:
        text = f"programs cannot be shut off here ({said.removeprefix('confine: ')})"
        step = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or a container that may), on Linux"
        raise BackendFailed(text, next_step=step)
    reasons = {
        confine.TOO_LONG: "ran too long",
        confine.TOO_MANY: "started too many processes",
        confine.TOO_LARGE: "took too much memory",
    }
    last = said.splitlines()[-1] if said else f"ended with {code}"
    return Ran(well, "" if well else reasons.get(code, last))
