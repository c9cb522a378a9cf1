"""What a model wrote runs shut off from everything, and nothing of it stays."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from ftctl_adapters.process.sandbox import Bounds, Ran, run_python

SHORT = Bounds(seconds=1.5, memory_mb=256, processes=16)


def test_a_program_that_ends_well_is_told_from_one_that_does_not() -> None:
    assert run_python("assert sum(range(10)) == 45", SHORT) == Ran(True)
    assert run_python("assert 1 == 2, 'no'", SHORT) == Ran(False, "AssertionError: no")
    assert run_python("raise SystemExit(3)", SHORT) == Ran(False, "ended with 3")
    assert run_python("raise SystemExit(0)", SHORT) == Ran(False, "ended with 0"), "it never came to its tests"
    assert run_python("if __name__ == '__main__': input()", SHORT).ok
    assert run_python("def (", SHORT).why.startswith("SyntaxError")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("while True: pass", "ran too long"),
        ("import time; time.sleep(99)", "ran too long"),
        ("x = bytearray(10 << 30)", "MemoryError"),
        ("import os\nwhile True: os.fork()", "started too many processes"),
        ("import os\nwhile os.fork(): pass\nwhile True: pass", "started too many processes"),
        ("import os\nos.kill(os.getppid(), 9); os.setsid()\nwhile True: pass", "ran too long"),
        ("import os\nwhile True: os.write(2, b'x' * (1 << 20))", "xxx"),
        ("raise SystemExit(201)", "ended with 1"),
    ],
    ids=["busy", "asleep", "memory", "fork bomb", "forks", "kills", "prints", "pretends"],
)
def test_a_program_out_of_bounds_is_ended(source: str, why: str) -> None:
    ran = run_python(source, SHORT)
    assert not ran.ok
    assert why in ran.why


def test_no_network_is_there_not_even_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = run_python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)", SHORT)
    assert not ran.ok
    assert "Error" in ran.why


@pytest.mark.parametrize("place", ["home", "tmp", "here"])
def test_nothing_is_written_but_in_its_own_folder(tmp_path: Path, place: str) -> None:
    path = {"home": Path.home(), "tmp": Path("/tmp"), "here": tmp_path}[place] / "ftctl-was-here"
    assert "Read-only file system" in run_python(f"open({str(path)!r}, 'w').write('x')", SHORT).why
    assert not path.exists()
    own = "import os\nopen('a', 'w').write('x')\nassert os.listdir(os.path.expanduser('~')) == ['a']"
    assert run_python(own, SHORT) == Ran(True)


def test_what_was_shut_cannot_be_opened_from_inside(tmp_path: Path) -> None:
    again = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x20000)
libc.mount(b"none", b"/", None, 32 | 4096, b"")
libc.mount(b"none", b"{tmp_path}", None, 32, b"")
open({str(tmp_path / "out")!r}, "w").write("x")
"""
    assert "Read-only file system" in run_python(again, SHORT).why
    assert list(tmp_path.iterdir()) == []


def test_what_it_started_ends_with_it() -> None:
    mark = f"ftctl-sandbox-{time.monotonic_ns()}"
    source = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])"
    )
    assert run_python(source, SHORT).ok
    listed = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True).stdout
    assert mark not in listed


def test_nothing_of_our_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    assert run_python("import os; assert 'A_SECRET' not in os.environ", SHORT) == Ran(True)
