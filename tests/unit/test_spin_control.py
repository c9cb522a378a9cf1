"""OpenMP threads of a worker do not spin while other programs need the cores, and results stay the same."""

import os
import subprocess
import sys

import pytest

from ftctl.worker.spin_control import IdleThreads, Load, SpinControl, crowded


@pytest.mark.parametrize(
    ("own", "machine", "cores", "threads", "expected"),
    [
        (2.0, 2.0, 2, 2, False),  # alone
        (1.0, 2.0, 2, 2, True),  # beside a busy process
        (1.0, 2.1, 4, 2, False),  # there are cores enough
        (2.0, 3.9, 4, 4, True),
        (0.1, 2.1, 2, 1, True),  # not even one core is left
        (2.0, 2.1, 2, 2, False),  # a little noise
        (0.0, 0.0, 2, 2, False),  # a system without counters
    ],
)
def test_a_machine_is_crowded_when_others_leave_too_few_cores(
    own: float, machine: float, cores: int, threads: int, expected: bool
) -> None:
    assert crowded(Load(5.0, 9.0), Load(5.0 + own, 9.0 + machine), 1.0, cores, threads) is expected


def test_the_load_of_this_machine_contains_ours() -> None:
    before = Load.now()
    sum(range(20_000_000))
    after = Load.now()
    assert after.own > before.own
    assert after.machine - before.machine >= (after.own - before.own) * 0.8


COUNT = """
import os, sys, threading, time
import torch
from ftctl.worker.spin_control import IdleThreads
def tasks(): return len(os.listdir("/proc/self/task"))
def settle(wanted):
    deadline = time.monotonic() + 10
    while tasks() != wanted and time.monotonic() < deadline: time.sleep(0.02)
    return tasks()
torch.ones(10_000_000).add_(1)
before, idle = tasks(), IdleThreads()
idle.start(4); idle.start(4)
# its own thread is one of the five
there = settle(before + 5)
idle.end(); idle.end()
print(there - before, settle(before) - before)
"""


def test_idle_threads_come_and_go() -> None:
    told = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["5", "0"]


def test_without_openmp_there_is_nothing_to_do() -> None:
    code = "from ftctl.worker.spin_control import IdleThreads\nidle = IdleThreads()\nidle.start(2)\nprint(idle.there)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_a_user_who_has_decided_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with SpinControl() as control:
        assert control._thread is not None
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with SpinControl() as control:
        assert control._thread is None
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with SpinControl() as control:
        assert control._thread is None


def test_it_follows_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crowded at the second look, calm from the third on: the idle threads are there meanwhile."""
    torch = pytest.importorskip("torch")
    torch.ones(10_000_000).add_(1)
    monkeypatch.setattr("ftctl.worker.spin_control.LOOK_SECONDS", 0.05)
    started, ended = [], []
    monkeypatch.setattr(IdleThreads, "start", lambda self, cores: started.append(cores))
    monkeypatch.setattr(IdleThreads, "end", lambda self: ended.append(len(looks)))
    looks: list[int] = []

    def look() -> Load:
        looks.append(1)
        return Load(0.0, 0.05 * len(os.sched_getaffinity(0)) * min(len(looks), 2))

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with SpinControl(look) as control:
        assert control._thread is not None
        while len(looks) < 8:
            control._over.wait(0.02)
    control._thread.join()
    assert len(started) == 1
    assert min(ended) == 5
