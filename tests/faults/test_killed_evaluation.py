"""Killed at ten moments of one evaluation, the same command goes on and ends with the same figures."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.faults.test_kills import descendants_gone, finish, start
from tests.functional.small import small_run
from tests.openai_server import FakeService, serving
from tests.unit.test_processes import wait_for

pytestmark = [pytest.mark.heavy, pytest.mark.kills]

KILLS, ROWS, LATEST = 10, 1100, 150
"""A life is struck at one of its first questions up to the latest; what is on disk are batches of 64."""


@define
class Striking:
    """Answers nine of ten questions right; kills who asks once so many more were asked."""

    asked: Counter[str] = field(factory=Counter)
    left: int = 0
    victim: "subprocess.Popen[bytes] | None" = None
    _known: threading.Event = field(factory=threading.Event)
    _lock: threading.Lock = field(factory=threading.Lock)

    def start(self, left: int, folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        """A life that ends at its question ``left``."""
        self._known.clear()
        self.left, self.victim = left, start(folder, *arguments)
        self._known.set()
        return self.victim

    def __call__(self, body: dict[str, Any]) -> str:
        question = str(body["messages"][-1]["content"])
        with self._lock:
            self.asked[question] += 1
            self.left -= 1
            if self.left == 0 and self._known.wait(60) and self.victim is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.victim.pid, signal.SIGKILL)
        _, _, number = question.rpartition(" ")
        if not number.isdecimal():
            return "hello"
        return str(2 * int(number) if int(number) % 10 else number)


@pytest.fixture
def striking() -> Iterator[tuple[Striking, FakeService]]:
    answers = Striking()
    with serving(FakeService(answers)) as service:
        yield answers, service


def write_run(folder: Path, service: FakeService) -> None:
    endpoint = {"url": service.url, "concurrency": 4}
    path = small_run(folder, evaluators=["text-metrics", "diversity"], endpoint=endpoint)
    path.write_text(path.read_text().replace("model: builtin:tiny\n", ""))
    rows = [json.dumps({"prompt": f"double {n}", "completion": str(2 * n)}) for n in range(ROWS)]
    (folder / "phrases.jsonl").write_text("\n".join(rows) + "\n")


def told(folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The figures, and every record by its place."""
    made = folder / ".ftctl" / "artifacts" / document["stages"][-1]["artifact"]
    found: dict[str, Any] = {"metrics": document["metrics"]["served"]}
    for path in made.glob("*.samples.jsonl"):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found[path.name] = {record["where"]: record for record in records}
        assert len(found[path.name]) == len(records), f"{path.name} has a record twice"
    return found


def test_ten_kills_change_no_figure(striking: tuple[Striking, FakeService], tmp_path: Path) -> None:
    answers, service = striking
    split = ("--set", "data_source.split.test=0.9", "--set", "data_source.split.validation=0.05")
    undisturbed, struck = tmp_path / "undisturbed", tmp_path / "struck"
    for folder in (undisturbed, struck):
        write_run(folder, service)
    expected = told(undisturbed, finish(undisturbed, "evaluate", "run.yaml", *split))
    questions = set(answers.asked)
    assert len(questions) > 64 * KILLS
    answers.asked.clear()
    draw = random.Random(24)
    for number in range(KILLS):
        process = answers.start(draw.randint(2, LATEST), struck, "evaluate", "run.yaml", *split)
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, f"life {number} ended by itself"
        assert wait_for(lambda: descendants_gone(struck), 15)
    answers.left = 0
    found = told(struck, finish(struck, "evaluate", "run.yaml", *split))
    assert found == expected
    assert set(answers.asked) == questions
    # what was on disk was not asked again: a kill costs no more than the batch that was on its way
    assert sum(answers.asked.values()) < len(questions) + KILLS * (64 + 4)
