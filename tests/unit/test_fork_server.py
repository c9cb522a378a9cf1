"""Jobs that are forked from a process which has imported what they need, and go as those that are started anew do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl.errors import BackendFailed, ResourceExhausted
from ftctl.worker.fork_server import unfit
from ftctl_adapters.process.fork_client import NO_THREADS, SHARED, ForkClient, server_command, shared_place
from ftctl_adapters.process.fork_refresh import REFRESH
from ftctl_adapters.process.forked_group import ForkedGroup
from ftctl_adapters.process.group import ProcessGroup
from ftctl_adapters.process.preload import IMPORTS
from ftctl_adapters.process.spawned_group import SpawnedGroup
from ftctl_adapters.process.starter import Fork, ProcessStarter
from ftctl_adapters.process.worker_runner import WorkerRunner
from tests.unit.test_processes import fake_job, members, wait_for

HERE = Interpreter(sys.executable)
MODULES = {
    "shows": "import json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ), 'colorsys' in sys.modules, "
    "os.getpgid(0), __name__, sys.stdin.read(), os.getcwd()]))",
    "family": "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print('started', flush=True)\ntime.sleep(60)",
    "exits": "import atexit, sys\natexit.register(print, 'flushed')\nprint('out', end='')\nsys.exit(int(sys.argv[1]))",
    "raises": "raise ValueError('last words')",
    "crashes": "import os\nos.kill(os.getpid(), int(__import__('sys').argv[1]))",
    "draws": "import random\nimport numpy\nprint(random.random(), numpy.random.random())",
    "touches": "from pathlib import Path\nPath('touched').touch()",
    "threaded": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of modules to run, on the path of children; nobody shares a server with us."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delenv(SHARED, raising=False)


@pytest.fixture
def starter(modules: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessStarter]:
    monkeypatch.setitem(IMPORTS, "colours", ("colorsys", "numpy"))
    made = ProcessStarter()
    made.expect(HERE, ("colours",))
    yield made
    made.close()


STARTED: list[ProcessGroup] = []


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    while STARTED:
        STARTED.pop().stop(0.0, linger=0.0)


def start(starter: ProcessStarter, log: Path, name: str, *arguments: str, fork: Fork = Fork.WAIT,
          **extra: str) -> ProcessGroup:  # fmt: skip
    STARTED.append(starter.start(HERE, (sys.executable, "-m", name, *arguments), log, extra, fork=fork))
    return STARTED[-1]


def test_a_forked_process_is_as_one_that_was_started(
    starter: ProcessStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    told = []
    for number, one in enumerate((starter, ProcessStarter(warm=False))):
        wait_for(lambda: starter._servers and next(iter(starter._servers.values())).ready)
        group = start(one, tmp_path / f"log{number}", "shows", "a", "b c", EXTRA="x")
        assert group.wait(20) == 0
        group.stop(1)
        told.append(json.loads((tmp_path / f"log{number}").read_text()))
        assert told[-1][3] == group.pid
    warm, cold = told
    assert isinstance(start(starter, tmp_path / "log", "exits", "0"), ForkedGroup)
    assert (warm[2], cold[2]) == (True, False)
    assert warm[:2] + warm[4:] == cold[:2] + cold[4:]
    assert warm[0] == ["a", "b c"]
    assert warm[1]["EXTRA"] == "x"
    assert "AWS_SECRET_ACCESS_KEY" not in warm[1]


@pytest.mark.parametrize(("name", "argument", "code"), [("exits", "0", 0), ("exits", "7", 7), ("raises", "", 1),
                                                        ("crashes", "9", 137), ("crashes", "6", 134)])  # fmt: skip
def test_exit_codes_and_last_words_are_those_of_a_process_of_its_own(
    starter: ProcessStarter, tmp_path: Path, name: str, argument: str, code: int
) -> None:
    for number, one in enumerate((starter, ProcessStarter(warm=False))):
        log = tmp_path / f"log{number}"
        group = start(one, log, name, argument)
        assert group.wait(20) == code
        group.stop(1)
        if name == "exits":
            assert log.read_text() == "outflushed\n"
        if name == "raises":
            assert "ValueError: last words" in log.read_text()


def test_stopping_a_forked_group_ends_grandchildren_too(starter: ProcessStarter, tmp_path: Path) -> None:
    group = start(starter, tmp_path / "log", "family")
    assert isinstance(group, ForkedGroup)
    assert wait_for(lambda: len(members(group.pid)) == 3)
    group.stop(grace=0.5)
    assert members(group.pid) == []
    group.stop(grace=0.5)


OWNER = """
import sys, time
from pathlib import Path
from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.process.starter import ProcessStarter
starter = ProcessStarter()
here = Interpreter(sys.executable)
starter.expect(here, ("torch",))
group = starter.start(here, (sys.executable, "-m", "family"), Path(sys.argv[1]), {})
(server,) = starter._servers.values()
print(group.pid, server._group.pid, flush=True)
time.sleep(60)
"""


def test_when_ftctl_is_killed_the_server_and_its_jobs_go_too(modules: None, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        job, server = map(int, owner.stdout.readline().split())
        assert wait_for(lambda: len(members(job)) == 3)
        assert members(server)
        owner.kill()
    assert wait_for(lambda: members(job) == [] and members(server) == [])


def test_a_server_that_is_gone_is_done_without(starter: ProcessStarter, tmp_path: Path) -> None:
    running = start(starter, tmp_path / "running", "family")
    (server,) = starter._servers.values()
    assert server._group is not None
    os.killpg(server._group.pid, signal.SIGKILL)
    group = start(starter, tmp_path / "log", "exits", "3")
    assert isinstance(group, SpawnedGroup)
    assert group.wait(20) == 3
    assert running.poll() is None
    running.stop(0.1)


def test_a_server_in_which_a_thread_runs_does_not_fork(starter: ProcessStarter, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setitem(IMPORTS, "threads", ("threaded",))
    starter.expect(HERE, ("threads",))
    (server,) = starter._servers.values()
    assert wait_for(lambda: server.ready)
    group = start(starter, tmp_path / "log", "exits", "0")
    assert isinstance(group, SpawnedGroup)
    assert group.wait(20) == 0


def test_torch_and_what_jobs_need_can_be_imported_before_a_fork() -> None:
    names = [name for needed in IMPORTS.values() for name in needed]
    code = f"import sys\nfrom importlib import import_module\nfor name in {names!r}: import_module(name)\n"
    code += "from ftctl.worker.fork_server import unfit\nprint('unfit:', unfit())"
    variables = os.environ | NO_THREADS
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
    assert told.stdout.splitlines()[-1] == "unfit: "


def test_a_process_with_threads_knows_that_it_must_not_fork() -> None:
    import threading

    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert "threads run" in unfit()
    finally:
        done.set()
        thread.join()


def test_forks_draw_other_random_numbers(starter: ProcessStarter, tmp_path: Path) -> None:
    drawn = set[str]()
    for number in range(3):
        log = tmp_path / f"log{number}"
        group = start(starter, log, "draws")
        assert group.wait(20) == 0
        drawn |= set(log.read_text().split())
    assert len(drawn) == 6


def test_a_job_that_can_be_started_sooner_does_not_wait_for_imports(
    starter: ProcessStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMPORTS, "slow", ("slow_to_import",))
    (tmp_path / "modules" / "slow_to_import.py").write_text("import time\ntime.sleep(2)")
    starter.expect(HERE, ("slow",))
    log = tmp_path / "log"
    assert isinstance(start(starter, log, "exits", "0", fork=Fork.IF_READY), SpawnedGroup)
    assert isinstance(start(starter, log, "exits", "0", fork=Fork.WAIT), ForkedGroup)
    assert isinstance(start(starter, log, "exits", "0", fork=Fork.NEVER), SpawnedGroup)


def test_jobs_of_a_run_are_forked_with_their_own_memory_and_errors(starter: ProcessStarter, tmp_path: Path) -> None:
    (server,) = starter._servers.values()
    assert wait_for(lambda: server.ready)
    runner = WorkerRunner(starter)
    result = runner.run(fake_job(rows=9), tmp_path / "job", HERE, lambda event: None)
    assert result.peak_rss_bytes > 1 << 20
    with pytest.raises(BackendFailed, match="TypeError"):
        runner.run(fake_job(rows="many"), tmp_path / "other", HERE, lambda event: None)
    assert "Traceback" in (tmp_path / "other" / "worker.log").read_text()


def test_a_forked_worker_that_is_killed_is_told_as_one(
    starter: ProcessStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server,) = starter._servers.values()
    assert wait_for(lambda: server.ready)
    monkeypatch.setattr("ftctl_adapters.process.worker_runner._command",
                        lambda *_: (sys.executable, "-m", "crashes", "9"))  # fmt: skip
    with pytest.raises(ResourceExhausted, match="signal 9"):
        WorkerRunner(starter).run(fake_job(), tmp_path / "job", HERE, lambda event: None)


def test_a_shared_server_is_used_by_those_who_would_start_the_same(
    modules: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED, str(tmp_path))
    place = shared_place(HERE)
    assert place is not None
    group = SpawnedGroup(server_command(sys.executable, str(place), ["colorsys"]), tmp_path / "server.log")
    try:
        assert wait_for(place.exists)
        starter = ProcessStarter()
        starter.expect(HERE, ())
        job = start(starter, tmp_path / "log", "exits", "5")
        assert isinstance(job, ForkedGroup)
        assert job.wait(20) == 5
        starter.close()
        time.sleep(0.1)
        assert group.poll() is None
        monkeypatch.setenv("HF_HUB_OFFLINE", "other")
        assert shared_place(HERE) != place
    finally:
        group.stop(0.1)


def test_nobody_can_ask_for_more_than_a_message_holds(starter: ProcessStarter, tmp_path: Path) -> None:
    group = start(starter, tmp_path / "log", "exits", "0", LONG="x" * 100_000)
    assert isinstance(group, SpawnedGroup)
    assert group.wait(20) == 0


@pytest.mark.parametrize("gone", [True, False])
def test_nothing_is_started_for_somebody_who_has_gone(
    tmp_path: Path, modules: None, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """As when ftctl is killed, or loses patience, between its request and the fork."""
    monkeypatch.syspath_prepend(tmp_path / "modules")
    from ftctl.worker.fork_server import ForkServer

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client = ForkClient(ours, None)
    with (tmp_path / "log").open("ab") as output:
        control, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"module": "touches", "arguments": [], "variables": dict(os.environ), "folder": str(tmp_path)}
        data = json.dumps(request | {"refresh": REFRESH}).encode()
        socket.send_fds(ours, [data], [given.fileno(), output.fileno()])
        given.close()
        if gone:
            control.close()
    client.close()
    server = os.fork()
    if server == 0:
        os._exit(ForkServer(None, [theirs], []).serve())
    theirs.close()
    assert os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]) == 0
    assert wait_for((tmp_path / "touched").exists, 1.0) is not gone
    control.close()
