"""What a model wrote runs shut off from everything, and nothing of it stays."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftctl.errors import BackendFailed
from ftctl_adapters.process.sandbox import Bounds, Ran, refuse_in_the_open, run_python
from tests.unit.test_processes import wait_for

SHORT = Bounds(seconds=2.0, memory_mb=256, processes=16)
CROWDED = "too many processes|temporarily unavailable|too much memory"


def test_a_program_that_ends_well_is_told_from_one_that_does_not() -> None:
    assert run_python("assert sum(range(10)) == 45", SHORT) == Ran(True)
    assert run_python("assert 1 == 2, 'no'", SHORT) == Ran(False, "AssertionError: no")
    assert run_python("raise SystemExit(3)", SHORT) == Ran(False, "ended with 3")
    for code in (0, 77, 150, 201):
        assert not run_python(f"raise SystemExit({code})", SHORT).ok, "it never came to its tests"
    assert run_python("if __name__ == '__main__': input()", SHORT).ok
    assert run_python("def (", SHORT).why.startswith("SyntaxError")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("while True: pass", "ran too long"),
        ("import time; time.sleep(99)", "ran too long"),
        ("x = bytearray(10 << 30)", "MemoryError"),
        ("import os\nwhile True: os.fork()", CROWDED),
        (
            "import os\nwhile os.fork(): pass\nwhile True: pass",
            CROWDED,
        ),
        ("import os\nos.kill(os.getppid(), 9); os.setsid()\nwhile True: pass", "ran too long"),
        ("import os\nwhile True: os.write(2, b'x' * (1 << 20))", "xxx"),
        ("raise SystemExit(201)", "ended with 1"),
    ],
    ids=["busy", "asleep", "memory", "fork bomb", "forks", "kills", "prints", "pretends"],
)
def test_a_program_out_of_bounds_is_ended(source: str, why: str) -> None:
    ran = run_python(source, SHORT)
    assert not ran.ok
    assert re.search(why, ran.why), ran.why


@pytest.mark.nightly
def test_time_without_a_core_does_not_count() -> None:
    """Four others on each core: a program of a second takes many, and is not too slow for two."""
    command, count = [sys.executable, "-c", "while True: pass"], 4 * (os.cpu_count() or 1)
    # cores are shared out by session first
    others = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        work = "import time\nwhile time.process_time() < 1: pass"
        started = time.monotonic()
        assert run_python(work, SHORT).ok
        assert time.monotonic() - started > 2 * SHORT.seconds
        assert run_python("while True: pass", SHORT).why == "ran too long"
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_no_network_is_there_not_even_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = run_python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)", SHORT)
    assert not ran.ok
    assert "Error" in ran.why


@pytest.mark.parametrize("place", ["home", "tmp", "here"])
def test_nothing_is_written_but_in_its_own_folder(tmp_path: Path, place: str) -> None:
    path = {"home": Path.home(), "tmp": Path("/tmp"), "here": tmp_path}[place] / "ftctl-was-here"
    run_python(f"import os\nos.makedirs({str(path.parent)!r}, exist_ok=True)\nopen({str(path)!r}, 'w')", SHORT)
    assert not path.exists()
    assert "Read-only file system" in run_python("open('/usr/ftctl-was-here', 'w')", SHORT).why
    own = "import os\nopen('a', 'w').write('x')\nassert os.listdir(os.path.expanduser('~')) == ['a']"
    assert run_python(own, SHORT) == Ran(True)


def test_nothing_of_ours_is_there_to_be_read_or_spoken_to(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        told = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'socket')!r})"
        assert "No such file" in run_python(told, SHORT).why
    for name in ("secret", "fifo"):
        assert "No such file" in run_python(f"open({str(tmp_path / name)!r})", SHORT).why
    seen = "import os; assert sorted(os.listdir('/dev')) == ['null', 'urandom', 'zero'], os.listdir('/dev')"
    assert run_python(seen, SHORT) == Ran(True)
    for place in ("/proc", "/run", "/var", "/etc/passwd", str(Path(__file__).parent)):
        assert run_python(f"import os; assert not os.path.exists({place!r})", SHORT) == Ran(True)


def test_what_was_shut_cannot_be_opened_from_inside() -> None:
    again = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000 | 0x20000) != 0
assert libc.mount(b"none", b"/", None, 32 | 4096, b"") != 0
assert libc.chroot(b"/home") != 0
"""
    assert run_python(again, SHORT) == Ran(True)


def test_many_processes_have_no_more_memory_than_one() -> None:
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(b"x") * (40 << 20)
        time.sleep(60)
time.sleep(60)
"""
    assert run_python(source, Bounds(seconds=20, memory_mb=128)).why == "took too much memory"


def test_what_processes_share_is_counted_once() -> None:
    source = """
import os
held = bytearray(b"x") * (60 << 20)
children = []
for _ in range(4):
    read, write = os.pipe()
    if os.fork() == 0:
        os.read(read, 1)
        os._exit(0)
    children.append(write)
import time
time.sleep(0.3)
"""
    assert run_python(source, Bounds(seconds=20, memory_mb=200)) == Ran(True)


def test_an_interpreter_may_lie_in_somebodys_home(tmp_path: Path) -> None:
    """As those of pyenv, conda and uv do; a prefix may be a link."""
    (tmp_path / "link").symlink_to(sys.base_prefix)
    code = f"""
import sys
sys.base_prefix = {str(tmp_path / "link")!r}
from ftctl_adapters.process import sandbox_child as confine
from ftctl_adapters.process import sandbox
sandbox.SYSTEM += ({str(tmp_path)!r},)
assert sandbox.run_python("import json", sandbox.Bounds(seconds=20)).ok
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_whoever_is_killed_takes_its_program_along(tmp_path: Path) -> None:
    source = "import time; time.sleep(60)"
    code = f"from ftctl_adapters.process.sandbox import *; run_python({source!r}, Bounds(seconds=60))"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)})
    assert wait_for(lambda: len(below(process.pid)) >= 3, 20)
    started = below(process.pid)
    process.kill()
    process.wait()
    assert list(tmp_path.iterdir()) == []
    assert wait_for(lambda: not any(Path(f"/proc/{one}").exists() for one in started), 10)


def below(process: int) -> list[int]:
    listed = list(Path(f"/proc/{process}/task").glob("*/children"))
    children = [int(one) for file in listed for one in file.read_text().split()]
    return children + [inner for child in children for inner in below(child)]


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


def test_a_program_may_have_classes_and_names_of_its_own() -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class One:
    value: int
assert One(3).value == 3 and __name__ == "program"
"""
    assert run_python(source, SHORT) == Ran(True)


def test_bounds_in_which_nothing_runs_are_no_verdict() -> None:
    with pytest.raises(BackendFailed, match="not even an empty program ends well"):
        refuse_in_the_open(Bounds(memory_mb=4))
    with pytest.raises(BackendFailed, match="cannot be shut off"):
        refuse_in_the_open(Bounds(memory_mb=1 << 50))
    refuse_in_the_open(SHORT)
