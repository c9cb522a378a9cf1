"""The data stage by the real command when things go wrong: a full disk, a signal, a source that changes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Ftctl, minimal_environment, run_in

pytestmark = [pytest.mark.heavy, pytest.mark.kills]
STEPS = "[normalise, dedup-exact]"


def prepare(folder: Path) -> Path:
    """Write three shards of rows, and a run file over them."""
    rows = (json.dumps({"prompt": f"What is number {n} of these?", "completion": f"{n * n}"}) for n in range(45_000))
    (folder / "rows.jsonl").write_text("\n".join(rows))
    (folder / "run.yaml").write_text(
        f"model: builtin:tiny\ndata_source: {{use: jsonl, path: rows.jsonl}}\ndata_steps: {STEPS}\n"
    )
    return folder


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The data set of these rows, made without a fault."""
    return artifact(run_in(prepare(tmp_path_factory.mktemp("undisturbed"))))


def shards(folder: Path) -> dict[str, int]:
    """Finished shards by their place, with what tells whether they are the same files."""
    found = folder.glob(".ftctl/runs/*/stages/*data/work/part-*/0*")
    return {str(place): place.stat().st_ino for place in found}


def artifact(ftctl: Ftctl) -> str:
    done = ftctl("data", "run.yaml", "--json")
    assert done.returncode == 0, done.stderr
    return next(str(stage["artifact"]) for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data")


def test_a_full_disk_keeps_finished_shards(ftctl: Ftctl, prepared: Path, undisturbed: str) -> None:
    full = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "data.shard.before_rename@3:raise:ENOSPC"}
    done = ftctl("data", "run.yaml", env=full)
    assert done.returncode == 5
    assert "No space left" in done.stderr
    kept = shards(prepared)
    assert len(kept) == 2
    assert artifact(ftctl) == undisturbed


def test_ctrl_c_stops_behind_a_shard_and_the_same_command_goes_on(
    ftctl: Ftctl, prepared: Path, undisturbed: str
) -> None:
    command = [sys.executable, "-m", "ftctl_adapters.cli", "data", "run.yaml"]
    run = subprocess.Popen(command, cwd=prepared, env=minimal_environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not shards(prepared):
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.05)
        os.sched_yield()
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    assert "Traceback" not in told
    assert shards(prepared)
    assert artifact(ftctl) == undisturbed


SLOW = """
import sys, time
from ftctl_adapters.records import tables
read = tables.read_rows
def slow(place):
    for number, row in enumerate(read(place)):
        if number == 30_000:
            with open('rows.jsonl', 'a') as file:
                file.write('\\n{"prompt": "late", "completion": "row"}')
        yield row
tables.read_rows = slow
import ftctl_plugins.data_sources.jsonl as source
source.read_rows = slow
from ftctl_adapters.cli.main import main
sys.argv = ['ftctl', 'data', 'run.yaml', '--inline']
main()
"""


def test_a_source_that_grows_while_it_is_read_is_an_integrity_error(ftctl: Ftctl, prepared: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], cwd=prepared, env=minimal_environment(), capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "the data changed while it was read" in done.stderr
    assert not list(prepared.glob(".ftctl/artifacts/dataset/*"))
    artifact(ftctl)


def test_a_workspace_that_cannot_be_written_is_one_line(ftctl: Ftctl, prepared: Path) -> None:
    done = ftctl("data", "run.yaml", "--workspace", "/proc/nowhere")
    assert (done.returncode, re.sub(r"\s+", " ", done.stderr).count("cannot be written")) == (5, 1)
