"""Processes end with everything they started, however ftctl ends (FAULTS F24, F26, F68–F70)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, PluginRef
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.errors import (
    BackendFailed,
    PortBusy,
    ResourceExhausted,
    ServerDied,
    ServerNotReady,
    TrainingDiverged,
    UsageError,
    WorkerDied,
    WorkerStalled,
)
from ftctl_adapters.process.inline_runner import InlineRunner
from ftctl_adapters.process.server_runner import LocalServerRunner
from ftctl_adapters.process.spawned_group import SpawnedGroup
from ftctl_adapters.process.worker_runner import WorkerRunner
from tests.openai_server import FakeService, serving

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("started", flush=True)
time.sleep(60)
"""


def members(group: int) -> list[int]:
    """Processes of a group that are not yet collected zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def wait_for(condition: object, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_stopping_a_group_ends_grandchildren_too(tmp_path: Path) -> None:
    group = SpawnedGroup((sys.executable, "-c", FAMILY), tmp_path / "log")
    assert wait_for(lambda: len(members(group.pid)) == 3)
    group.stop(grace=0.5)
    assert members(group.pid) == []
    group.stop(grace=0.5)


def test_when_the_owner_is_killed_everything_it_started_goes_too(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom ftctl_adapters.process.spawned_group import SpawnedGroup\n"
        f"print(SpawnedGroup((sys.executable, '-c', {FAMILY!r}), Path({str(tmp_path / 'log')!r})).pid, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        assert wait_for(lambda: len(members(group)) == 3)
        owner.kill()
    assert wait_for(lambda: members(group) == [])


def test_children_see_only_the_variables_that_are_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("LD_PRELOAD", "")
    group = SpawnedGroup((sys.executable, "-c", "import os; print(dict(os.environ))"), tmp_path / "log")
    group.wait(10)
    group.stop(1)
    assert "canary" not in (tmp_path / "log").read_text()
    assert "LD_PRELOAD" not in (tmp_path / "log").read_text()


def fake_job(**options: object) -> Job:
    module = "ftctl.testing.fakes.data_source"
    plugin = PluginRef("fake", f"{module}:FakeDataSource", f"{module}:FakeDataSourceOptions", options)
    settings = {"split": {}, "data_seed": 1, "skip_invalid": 0, "fingerprints": ["fake"], "recipe": [], "sources": 1}
    settings |= {"mixing": {}, "memory_bytes": 1 << 24}
    return Job("k" * 64, "data", "dataset", (plugin,), settings=settings)


def run_worker(tmp_path: Path, job: Job, **options: float) -> object:
    return WorkerRunner(**options).run(job, tmp_path / "job", Interpreter(sys.executable), lambda event: None)


def test_a_job_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    seen: list[str] = []
    here = Interpreter(sys.executable)
    result = WorkerRunner().run(fake_job(rows=9), tmp_path / "job", here, lambda e: seen.append(e.kind))
    assert result.draft is not None
    assert result.peak_rss_bytes > 1 << 20
    assert (tmp_path / "job" / "out" / "ledger.jsonl").read_text().count("\n") == 9
    assert seen[-1] == "DataDescribed"


def test_a_job_sees_the_variables_that_its_options_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_DB", "address and password")
    monkeypatch.setenv("ANOTHER", "canary")
    python = crash(
        tmp_path, monkeypatch, "print(os.environ.get('TRAINING_DB'), os.environ.get('ANOTHER')); sys.exit(3)"
    )
    job = fake_job(url_env="TRAINING_DB", query="ANOTHER", key_env=None)
    with pytest.raises(WorkerDied) as caught:
        WorkerRunner().run(job, tmp_path / "job", Interpreter(str(python)), lambda event: None)
    assert caught.value.details[-1] == "address and password None"
    assert "password" not in (tmp_path / "job" / "job.json").read_text()


def test_an_error_of_the_worker_is_the_same_error_here(tmp_path: Path) -> None:
    job = fake_job(rows=9, bad_every=3)
    with pytest.raises(Exception, match="3 of 9 rows") as caught:
        run_worker(tmp_path, job)
    assert (caught.value.code, caught.value.status) == ("rows-invalid", 3)  # type: ignore[attr-defined]


def test_an_exception_of_a_backend_is_a_backend_failure(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="TypeError"):
        run_worker(tmp_path, fake_job(rows="many"))
    assert "Traceback" in (tmp_path / "job" / "worker.log").read_text()


def crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str) -> Path:
    """An interpreter that does something else than run the worker."""
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys, time, signal\nprint('last words', flush=True)\n{statement}\n"
    )
    script.chmod(0o700)
    return script


@pytest.mark.parametrize(
    ("statement", "error"),
    [("os.kill(os.getpid(), 9)", ResourceExhausted), ("sys.exit(3)", WorkerDied), ("os.abort()", WorkerDied)],
)
def test_a_worker_that_dies_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, error: type[Exception]
) -> None:
    python = crash(tmp_path, monkeypatch, statement)
    with pytest.raises(error) as caught:
        WorkerRunner().run(fake_job(), tmp_path / "job", Interpreter(str(python)), lambda event: None)
    assert "last words" in caught.value.details[0]  # type: ignore[attr-defined]


def test_a_worker_that_is_stopped_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = crash(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGSTOP)")
    with pytest.raises(WorkerStalled):
        WorkerRunner(stall_seconds=1.0).run(fake_job(), tmp_path / "job", Interpreter(str(python)), lambda event: None)


def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str) -> Path:
    """An interpreter whose worker has written its result, and then does something else than leave."""
    result = json.dumps({"summary": {"rows": 1}})
    written = f"open(os.path.join(sys.argv[-1], 'result.json'), 'w').write({result!r})"
    return crash(tmp_path, monkeypatch, f"{written}\n{statement}")


@pytest.mark.parametrize("statement", ["os.kill(os.getpid(), signal.SIGSTOP)", "time.sleep(60)", "os.abort()"])
def test_a_result_that_is_written_is_taken_whatever_its_process_does_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    python = Interpreter(str(late(tmp_path, monkeypatch, statement)))
    runner = WorkerRunner(stall_seconds=0.2, exit_seconds=0.5)
    assert runner.run(fake_job(), tmp_path / "job", python, lambda event: None).summary == {"rows": 1}


@pytest.mark.parametrize("statement", ["while True: pass", "time.sleep(60)"])
def test_a_worker_that_computes_in_one_long_call_is_not_taken_for_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    beat = "open(os.path.join(sys.argv[-1], 'heartbeat'), 'w').write(f'{os.uname().nodename} {os.getpid()}')"
    python = Interpreter(str(crash(tmp_path, monkeypatch, f"{beat}\n{statement}")))
    monkeypatch.setattr("ftctl_adapters.process.pulse.BUSY_FACTOR", 4)
    with pytest.raises(WorkerStalled) as caught:
        WorkerRunner(stall_seconds=1.0).run(fake_job(), tmp_path / "job", python, lambda event: None)
    assert ("for 4 s" in caught.value.what) == (statement == "while True: pass")


def serve(tmp_path: Path, code: str, timeout: float = 20.0) -> object:
    runner = LocalServerRunner()
    address = runner.address(0)
    argv = (sys.executable, "-c", code.replace("PORT", str(address.port)))
    return address, runner.start(LaunchSpec(argv, "m", "/", start_timeout=timeout), address, tmp_path / "log")


HTTP = "import http.server as h; h.HTTPServer(('127.0.0.1', PORT), h.SimpleHTTPRequestHandler).serve_forever()"


def test_a_server_is_ready_when_it_answers_and_gone_when_it_is_stopped(tmp_path: Path) -> None:
    address, running = serve(tmp_path, HTTP)  # type: ignore[misc]
    running.check()
    with pytest.raises(PortBusy, match="in use"):
        LocalServerRunner().address(address.port)
    running.stop()
    running.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", address.port)) != 0
    with pytest.raises(ServerDied):
        running.check()


def test_a_server_of_others_that_answers_is_not_taken_for_ours(tmp_path: Path) -> None:
    with serving(FakeService(lambda body: "")) as other:
        port = int(other.url.rpartition(":")[2].removesuffix("/v1"))
        spec = LaunchSpec((sys.executable, "-c", "import time; time.sleep(60)"), "m", "/v1/models")
        with pytest.raises(PortBusy, match=f"another program answers at port {port}"):
            LocalServerRunner().start(spec, Address("127.0.0.1", port), tmp_path / "log")


def test_a_server_that_dies_while_starting_says_its_last_words(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ServerDied) as caught:
        serve(tmp_path, "import sys, time; time.sleep(0.2); sys.exit('no such model')")
    assert "no such model" in caught.value.details[-1]
    assert time.monotonic() - started < 5


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ServerNotReady, match="not ready after 0.5 s"):
        serve(tmp_path, "import time; time.sleep(60)", timeout=0.5)
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if _says(pid, "time.sleep(60)", str(os.getpid()))]


def _says(process: Path, text: str, parent: str) -> bool:
    with contextlib.suppress(OSError):
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        return text in (process / "cmdline").read_text() and stat[1] == parent and stat[0] != "Z"
    return False


def test_signals_become_interruptions(tmp_path: Path) -> None:
    from ftctl.errors import Interrupted
    from ftctl_adapters.process.signals import interruptible

    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with pytest.raises(Interrupted) as caught, interruptible():
            os.kill(os.getpid(), number)
            time.sleep(1)
        assert caught.value.status == status


SLOW = """
import time
from ftctl_adapters.process.signals import interruptible
with interruptible():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("saving", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once(second: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", SLOW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline() == "ready\n"
        for _ in range(2):
            # a shell and its child may both send the first one
            running.send_signal(signal.SIGINT)
        assert running.stdout.readline() == "saving\n"
        time.sleep(0.6)
        assert running.poll() is None
        running.send_signal(second)
        assert running.wait(5) == code
        assert "ended at once" in running.stderr.read()


def test_a_background_job_hears_sigint_and_nohup_is_respected() -> None:
    from ftctl.errors import Interrupted
    from ftctl_adapters.process.signals import interruptible

    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        with pytest.raises(Interrupted) as caught, interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        assert caught.value.status == 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_errors_cross_processes_unchanged() -> None:
    from ftctl.errors import all_errors, from_json

    for kind in all_errors()[1:]:
        error = kind("what", next_step="next", details=("a", "b"))
        again = from_json(error.to_json())
        assert (type(again).code, again.what, again.details, again.status) == (
            kind.code,
            "what",
            ("a", "b"),
            error.status,
        )
    assert isinstance(from_json({"code": "training-diverged", "what": "x"}), TrainingDiverged)
    assert Address(port=3).url == "http://127.0.0.1:3"


def test_a_job_of_a_private_environment_sees_its_variables_and_is_not_run_inline(tmp_path: Path) -> None:
    python = tmp_path / "python"
    program = "import os, sys\nprint('SMALL is', os.environ['SMALL'], flush=True)\nsys.exit(3)\n"
    python.write_text(f"#!{sys.executable}\n{program}")
    python.chmod(0o755)
    private = Interpreter(str(python), {"SMALL": "yes"})
    with pytest.raises(WorkerDied) as caught:
        WorkerRunner().run(fake_job(), tmp_path / "job", private, lambda event: None)
    assert caught.value.details == ("SMALL is yes",)
    with pytest.raises(UsageError, match="--inline runs in this interpreter"):
        InlineRunner().run(fake_job(), tmp_path / "inline", private, lambda event: None)
