"""One owner a run; events that survive torn lines and full disks (FAULTS F84, F85, F90)."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftctl.application.run_record import recorded_run
from ftctl.application.run_result import RunResult
from ftctl.domain.event import Event
from ftctl.errors import RunBusy, UsageError
from ftctl_adapters.store.run_journal import DiskRunJournals

HOLD = """
import sys, time
from pathlib import Path
from ftctl_adapters.store.run_journal import DiskRunJournals
with DiskRunJournals(Path(sys.argv[1])).open("r").owned():
    print("owned", flush=True)
    if len(sys.argv) > 2:
        import subprocess
        child = [sys.executable, "-c", "import time; time.sleep(1.0)"]
        subprocess.Popen(child, close_fds=False, start_new_session=True)
        print("child", flush=True)
    time.sleep(60)
"""


def hold(root: Path, *arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for _ in range(1 + len(arguments)):
        process.stdout.readline()
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_process_is_told_who_owns_the_run(tmp_path: Path) -> None:
    owner = hold(tmp_path)
    try:
        with pytest.raises(RunBusy, match=str(owner.pid)), DiskRunJournals(tmp_path).open("r").owned():
            pass
    finally:
        end(owner)


def test_the_lock_is_free_when_the_owner_is_killed_and_its_children_are_gone(tmp_path: Path) -> None:
    owner = hold(tmp_path, "with-child")
    end(owner)
    started = time.monotonic()
    with DiskRunJournals(tmp_path).open("r").owned():
        waited = time.monotonic() - started
    assert 0.2 < waited < 10


def test_twenty_at_once_one_wins(tmp_path: Path) -> None:
    code = HOLD.replace("time.sleep(60)", "time.sleep(4)")
    many = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(20)
    ]
    won = [process.communicate()[0] for process in many]
    assert won.count(b"owned\n") == 1


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    journal = DiskRunJournals(tmp_path).open("r")
    journal.folder.mkdir(parents=True)
    journal.append(Event("A", 1.0, "s", {"text": "é\u2028x"}))
    with (journal.folder / "events.ndjson").open("ab") as stream:
        stream.write(b'{"kind": "B", "at"')
    assert list(journal.events()) == [Event("A", 1.0, "s", {"text": "é\u2028x"})]


def test_a_torn_line_costs_itself_and_nothing_after_it(tmp_path: Path) -> None:
    journal = DiskRunJournals(tmp_path).open("r")
    journal.folder.mkdir(parents=True)
    journal.append(Event("A", 1.0))
    with (journal.folder / "events.ndjson").open("ab") as stream:
        stream.write(b'{"kind": "B", "at"')
    journal.append(Event("C", 3.0))
    assert [event.kind for event in journal.events()] == ["A", "C"]


def test_events_that_cannot_be_written_are_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = DiskRunJournals(tmp_path).open("r")
    journal.folder.mkdir(parents=True)
    (journal.folder / "events.ndjson").symlink_to("/dev/full")
    journal.append(Event("A", 1.0))
    journal.append(Event("B", 2.0))
    assert capsys.readouterr().err.count("no longer recorded") == 1


@pytest.mark.parametrize("name", ["../x", "a/b", "", "CON", ".hidden", "x.", "é", "a" * 65, "nul.txt", "%2e%2e"])
def test_names_that_are_paths_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        DiskRunJournals(tmp_path).open(name)


def test_a_run_that_says_it_is_running_and_is_nobodys_was_killed(tmp_path: Path) -> None:
    journal = DiskRunJournals(tmp_path).open("r")
    assert not journal.is_owned()
    with journal.owned():
        journal.write("run.json", RunResult("r").document())
        assert journal.is_owned()
        assert (recorded_run(journal) or {})["status"] == "running"
    assert not journal.is_owned()
    assert (recorded_run(journal) or {})["status"] == "killed"
    journal.write("run.json", RunResult("r", "done").document())
    assert (recorded_run(journal) or {})["status"] == "done"
