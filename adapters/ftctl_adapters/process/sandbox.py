"""Run code that a model wrote: without network and files of ours, within limits, gone afterwards."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import asdict, frozen

from ftctl.errors import BackendFailed
from ftctl_adapters.process import sandbox_child as confine

TOLD = 2000
"""Bytes of what it printed that are looked at."""
GRACE_SECONDS = 5.0
ALONE = ("-I", "-S")
WHOLE = """import os, sys, types
given, told = map(int, sys.argv[1:])
module = sys.modules['program'] = types.ModuleType('program')
sys.argv = ['']
exec(compile(sys.stdin.buffer.read(), 'program', 'exec'), module.__dict__)
os.write(told, os.read(given, 99))
os._exit(0)
"""
"""The program, as if it were imported; behind it a word is passed on that stands nowhere before."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
"""What an interpreter and its libraries may be made of, beside its own folder."""


@frozen
class Bounds:
    """Limits of one program: wall-clock seconds, memory of all its processes and address space of each, processes.

    A thread counts as a process.
    """

    seconds: float = 3.0
    memory_mb: int = 512
    processes: int = 32


@frozen
class Ran:
    """Result of a program; ``why`` is empty if it ended well."""

    ok: bool
    why: str = ""


def refuse_in_the_open(bounds: Bounds) -> None:
    """Check that a trivial program runs, before others are judged.

    Raises:
        BackendFailed: this machine lets nobody shut a program off, or not within these bounds.
    """
    ran = run_python("", bounds)
    if not ran.ok:
        raise BackendFailed(
            f"not even an empty program ends well in these bounds: {ran.why}", next_step="allow more memory and seconds"
        )


def run_python(source: str, bounds: Bounds) -> Ran:
    """Run a Python program in an empty home in memory, without our variables.

    It ends well when it comes to its end; who leaves before has not shown anything, unless it looks for the way in
    which that is told. Of files it sees the interpreter's own and the system's programs.

    Raises:
        BackendFailed: this machine lets nobody shut a program off.
    """
    python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    limits = json.dumps(asdict(bounds) | {"kept": _kept(python)})
    word = secrets.token_hex(16).encode()
    given, give = os.pipe()
    hear, told = os.pipe()
    try:
        os.write(give, word)
        with tempfile.TemporaryFile() as program, tempfile.TemporaryFile() as said:
            program.write(source.encode("utf-8", "replace"))
            program.seek(0)
            process = subprocess.Popen(
                [sys.executable, *ALONE, confine.__file__, limits, python, *ALONE, "-c", WHOLE, str(given), str(told)],
                env={"HOME": confine.HOME, "TMPDIR": confine.HOME, "PATH": "/usr/bin:/bin"},
                stdin=program,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=(given, told),
                start_new_session=True,
            )
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(bounds.seconds * confine.BUSY_FACTOR + GRACE_SECONDS)
            finally:
                process.kill()
                code = process.wait()
            said.seek(max(0, said.seek(0, 2) - TOLD))
            return _ended(code, _heard(hear) == word, said.read().decode(errors="replace").strip())
    finally:
        for end in (given, give, hear, told):
            os.close(end)


def _heard(end: int) -> bytes:
    os.set_blocking(end, False)
    with contextlib.suppress(BlockingIOError):
        return os.read(end, 99)
    return b""


def _kept(python: str) -> list[str]:
    """Return the paths that the interpreter needs to start, none inside another."""
    own = [str(Path(path).resolve()) for path in (sys.base_prefix, sys.base_exec_prefix, Path(python).parent)]
    found: list[str] = []
    for path in (*SYSTEM, *own):
        inside = any(Path(path).is_relative_to(one) for one in found if not Path(one).is_symlink())
        if path not in ("/", *found) and Path(path).exists() and not inside:
            found.append(path)
    return found


def _ended(code: int, well: bool, said: str) -> Ran:
    if code == confine.UNABLE:
        text = f"programs cannot be shut off here ({said.removeprefix('confine: ')})"
        step = "it needs Linux 5.12 and namespaces of users (sysctl kernel.unprivileged_userns_clone=1 on Debian, "
        step += "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, or a container that may)"
        raise BackendFailed(text, next_step=step)
    reasons = {
        confine.TOO_LONG: "ran too long",
        confine.TOO_MANY: "started too many processes",
        confine.TOO_LARGE: "took too much memory",
    }
    last = said.splitlines()[-1] if said else f"ended with {code}"
    return Ran(well, "" if well else reasons.get(code, last))
