"""Killed at any moment, the same command goes on and ends with the same bits (FAULTS F1–F6, F13, F14).

``FTCTL_KILLS=30`` makes the random part as long as you like; the default keeps the suite short.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import minimal_environment
from tests.functional.small import small_run
from tests.unit.test_processes import members, wait_for

pytestmark = [pytest.mark.heavy, pytest.mark.kills]

KILLS = int(os.environ.get("FTCTL_KILLS", "3"))
Popen = subprocess.Popen


def start(folder: Path, *arguments: str, **extra: str) -> "Popen[bytes]":
    """The command in a process group of its own, like a job of a shell."""
    with (folder / "stderr").open("ab") as log:
        return Popen(
            [sys.executable, "-m", "ftctl_adapters.cli", *arguments],
            cwd=folder,
            env={**minimal_environment(), **extra},
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def finish(folder: Path, *arguments: str) -> dict[str, Any]:
    process = start(folder, *arguments, "--json")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, (folder / "stderr").read_text()[-3000:]
    document: dict[str, Any] = json.loads(out)
    return document


def adapter(result: dict[str, Any]) -> str:
    return str(next(stage["artifact"] for stage in result["stages"] if stage["name"] == "tune"))


def descendants_gone(folder: Path) -> bool:
    """No process works in this folder any more."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and str(folder) in (process / "cmdline").read_bytes().decode(errors="replace"):
                return False
    return True


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    """The adapter of a run that nobody disturbed, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    small_run(folder)
    started = time.monotonic()
    return adapter(finish(folder, "tune", "run.yaml")), time.monotonic() - started


@pytest.mark.timeout(3600)
def test_kill_9_at_random_moments_changes_nothing(tmp_path: Path, expected: tuple[str, float]) -> None:
    digest, seconds = expected
    draw = random.Random(20)
    for number in range(KILLS):
        folder = tmp_path / str(number)
        small_run(folder)
        process = start(folder, "tune", "run.yaml")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.1, seconds))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert adapter(finish(folder, "tune", "run.yaml")) == digest
        assert descendants_gone(folder)


POINTS = [
    "process.start.before",
    "store.commit.before_manifest",
    "store.commit.before_rename",
    "store.commit.after_rename",
    "train.step.before",
    "train.checkpoint.before_commit",
    "train.checkpoint.after_commit",
]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_every_named_point(tmp_path: Path, expected: tuple[str, float], point: str) -> None:
    small_run(tmp_path)
    struck = start(tmp_path, "tune", "run.yaml", FTCTL_TEST_BUILD="1", FTCTL_FAULT=f"{point}:kill")
    struck.communicate(timeout=120)
    assert struck.returncode in (-signal.SIGKILL, 5)
    assert adapter(finish(tmp_path, "tune", "run.yaml")) == expected[0]


def test_kill_9_while_rows_become_tokens_costs_what_was_not_marked(tmp_path: Path) -> None:
    """One mark in 24,000 rows: a second try that began again would reach it and be killed once more."""
    many = [json.dumps({"prompt": f"{n}?", "completion": f"{n}."}) for n in range(24_000)]
    digests = []
    for folder, struck in ((tmp_path / "undisturbed", False), (tmp_path / "struck", True)):
        small_run(folder)
        (folder / "phrases.jsonl").write_text("\n".join(many))
        command = ("tune", "run.yaml", "--set", "tuner.max_steps=1", "--set", "data_source.split.validation=0")
        if struck:
            plan = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "tokens.marked:kill"}
            first = start(folder, *command, "--set", "data_source.split.test=0", **plan)
            first.communicate(timeout=200)
            assert first.returncode != 0
            assert list(folder.glob(".ftctl/tokens/*/.train-draft/mark.json"))
        else:
            plan = {}
        again = start(folder, *command, "--set", "data_source.split.test=0", **plan)
        again.communicate(timeout=200)
        assert again.returncode == 0, (folder / "stderr").read_text()[-2000:]
        (tokens,) = folder.glob(".ftctl/tokens/*/train")
        digests.append({path.name: path.read_bytes() for path in tokens.iterdir()})
    assert digests[0] == digests[1]


WHOLE = {
    "evaluators": [{"use": "text-metrics", "max_new_tokens": 8, "limit": 4}, "perplexity"],
    "compressor": "int8",
    "server": "transformers",
}
BEFORE_COMPRESSION = ("model", "data", "prepare", "baseline", "tune", "evaluate", "merge")
STAGES = [*BEFORE_COMPRESSION, "compress", "evaluate-compressed", "serve", "verify"]


def test_kill_9_at_every_stage_boundary_of_a_whole_run(tmp_path: Path) -> None:
    """One run, killed right before and right after each of its stages in turn, makes what an undisturbed one makes."""
    undisturbed, struck = tmp_path / "undisturbed", tmp_path / "struck"
    for folder in (undisturbed, struck):
        small_run(folder, **WHOLE)
    for stage in STAGES:
        for side in ("before", "after"):
            fault = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": f"run.{stage}.{side}:kill"}
            process = start(struck, "run", "run.yaml", "--once", **fault)
            process.communicate(timeout=120)
            assert process.returncode == -signal.SIGKILL, (stage, side)
            assert wait_for(lambda: descendants_gone(struck), 15), (stage, side)
    ended, whole = finish(struck, "run", "run.yaml", "--once"), finish(undisturbed, "run", "run.yaml", "--once")
    assert [stage["name"] for stage in ended["stages"]] == STAGES
    assert {stage["status"] for stage in ended["stages"][:-2]} == {"cached"}
    assert made(ended) == made(whole)
    assert ended["metrics"] == whole["metrics"]


def made(result: dict[str, Any]) -> dict[str, str]:
    """What each stage made; reports hold timings, so their digests differ."""
    found = {stage["name"]: str(stage["artifact"]) for stage in result["stages"]}
    return {name: artifact for name, artifact in found.items() if not artifact.startswith("report/")}


def test_a_full_disk_in_a_checkpoint_keeps_the_one_before(tmp_path: Path, expected: tuple[str, float]) -> None:
    small_run(tmp_path)
    fault = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": "train.checkpoint.before_commit:raise:ENOSPC"}
    struck = start(tmp_path, "tune", "run.yaml", **fault)
    struck.communicate(timeout=120)
    assert struck.returncode == 5
    assert "disk full" in (tmp_path / "stderr").read_text()
    assert adapter(finish(tmp_path, "tune", "run.yaml")) == expected[0]


def test_faults_do_nothing_outside_a_test_build(tmp_path: Path, expected: tuple[str, float]) -> None:
    small_run(tmp_path)
    process = start(tmp_path, "tune", "run.yaml", FTCTL_FAULT="train.step.before:kill")
    process.communicate(timeout=120)
    assert process.returncode == 0


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = []
    for path in folder.glob(".ftctl/runs/*/events.ndjson"):
        found += [json.loads(line) for line in path.read_bytes().splitlines()]
    return [event for event in found if event["kind"] == kind]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_training_saves_first_and_loses_nothing(
    tmp_path: Path, expected: tuple[str, float], number: int, code: int
) -> None:
    small_run(tmp_path)
    process = start(tmp_path, "tune", "run.yaml")
    assert wait_for(lambda: events(tmp_path, "StepFinished"), 60)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert json.loads(next(tmp_path.glob(".ftctl/runs/*/run.json")).read_text())["status"] == "interrupted"
    assert descendants_gone(tmp_path)
    saved = [event["data"]["step"] for event in events(tmp_path, "CheckpointSaved")]
    assert adapter(finish(tmp_path, "tune", "run.yaml")) == expected[0]
    assert events(tmp_path, "TrainingResumed")[0]["data"]["step"] == saved[-1]


def test_a_second_ctrl_c_ends_at_once_and_the_run_goes_on(tmp_path: Path, expected: tuple[str, float]) -> None:
    small_run(tmp_path)
    process = start(tmp_path, "tune", "run.yaml", "--cold")
    assert wait_for(lambda: events(tmp_path, "StepFinished"), 60)
    (worker,) = [int(found.name) for found in Path("/proc").glob("[0-9]*")
                 if str(tmp_path) in _command(found) and _command(found).startswith(sys.executable)
                 and "ftctl.worker" in _command(found) and "guard.py" not in _command(found)]  # fmt: skip
    os.kill(worker, signal.SIGSTOP)  # it cannot make its work safe
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert wait_for(lambda: descendants_gone(tmp_path), 10)
    assert adapter(finish(tmp_path, "tune", "run.yaml")) == expected[0]


def _command(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def test_two_at_once_one_is_told_who_owns_the_run(tmp_path: Path) -> None:
    small_run(tmp_path)
    owner = start(tmp_path, "tune", "run.yaml")
    assert wait_for(lambda: list(tmp_path.glob(".ftctl/runs/*/lock")), 30)
    second = start(tmp_path, "tune", "run.yaml", "--json")
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 75
    assert str(owner.pid) in json.loads(out)["error"]["what"]
    owner.communicate(timeout=120)
    assert owner.returncode == 0


@pytest.mark.parametrize(("strike", "code"), [("terminate", 143), ("kill", -9)])
def test_whoever_serves_leaves_nothing_behind(tmp_path: Path, strike: str, code: int) -> None:
    small_run(tmp_path, server="transformers")
    process = start(tmp_path, "serve", "run.yaml", HF_HOME=str(tmp_path / "no-cache-yet"))
    assert wait_for(lambda: events(tmp_path, "RunFinished"), 120)
    url = events(tmp_path, "ServerStarted")[0]["data"]["url"]
    with urllib.request.urlopen(f"{url}/models", timeout=30) as answer:
        assert answer.status == 200
    assert wait_for(lambda: "serving until Ctrl-C" in (tmp_path / "stderr").read_text(), 10)
    port = int(url.rpartition(":")[2].removesuffix("/v1"))
    assert listening(port)
    getattr(process, strike)()
    process.communicate(timeout=60)
    assert process.returncode == code
    assert strike == "kill" or "server stopped by SIG" in (tmp_path / "stderr").read_text()
    assert wait_for(lambda: not listening(port) and descendants_gone(tmp_path), 15)
    assert members(process.pid) == []


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("command", [["config", "validate", "run.yaml"], ["config", "schema"]], ids=["a line", "long"])
def test_a_closed_pipe_is_no_traceback(tmp_path: Path, command: list[str]) -> None:
    small_run(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "ftctl_adapters.cli", *command],
        cwd=tmp_path,
        env=minimal_environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_could_not_be_printed_is_told(tmp_path: Path) -> None:
    small_run(tmp_path)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ftctl_adapters.cli", "config", "validate", "run.yaml"],
            cwd=tmp_path,
            env=minimal_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (5, "ftctl: No space left on device: standard output\n")
