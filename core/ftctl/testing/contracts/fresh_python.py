"""Run programs in fresh interpreters that know ftctl's interface and nothing heavy.

One helper process imports the interface; each program runs in a fork of it, which takes milliseconds instead of half a
second. Where a system cannot fork, each program gets an interpreter of its own.
"""

import json
import os
import subprocess
import sys
from functools import cache
from threading import Lock

SECONDS = 120

STARTED = dict(os.environ)
"""The environment before backends were imported here, which may have deleted some of it."""

HELPER = """
import json, os, signal, sys, tempfile
import ftctl.domain.codec, ftctl.domain.format, ftctl.domain.resources
import ftctl.plugin.offer, ftctl.plugin.option_checks, ftctl.plugin.registry

def run(asked, output):
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    signal.alarm(asked["seconds"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    os.chdir(asked["folder"])
    sys.path[:] = asked["path"]
    code = 0
    try:
        exec(compile(asked["program"], "<program>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            run(json.loads(line), output)
        status = os.waitpid(child, 0)[1]
        output.seek(0)
        told = {"code": os.waitstatus_to_exitcode(status), "output": output.read().decode(errors="replace")}
    print(json.dumps(told), flush=True)
"""


class _Helper:
    """The helper process of one interpreter."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", HELPER],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str) -> tuple[int, str]:
        """Return exit code and output of a program."""
        asked = {
            "program": program,
            "variables": STARTED | os.environ,
            "folder": os.getcwd(),  # noqa: PTH109
            "path": sys.path,
            "seconds": SECONDS,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            told = json.loads(self._process.stdout.readline())
        return told["code"], told["output"]


@cache
def _helper(process: int) -> _Helper:
    """Return the helper of the process with this id; a fork of it has another."""
    assert process == os.getpid()
    return _Helper()


def in_fresh_python(program: str) -> str:
    """Run a program that may find ftctl's interface imported, and nothing else, and return its output.

    Raises:
        AssertionError: it fails.
    """
    if not hasattr(os, "fork"):
        return in_new_python(program)
    code, output = _helper(os.getpid()).run(program)
    assert code == 0, output[-2000:]
    return output.strip()


def in_new_python(program: str) -> str:
    """Run a program in an interpreter of its own and return its output.

    Raises:
        AssertionError: it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
