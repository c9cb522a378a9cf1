"""No input ends as a bug: run files, rows, command lines and environments by the thousand, drawn from kept seeds.

A case is its kind and its number: ``python -m tests.fuzz.one_case rows 17 1`` runs one again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.small import small_run
from tests.fuzz.environments import ended
from tests.fuzz.one_case import CODES, KINDS

ROOT = Path(__file__).parents[2]
FEW = 60
"""Cases of each kind in CI."""

MANY = {"run-file": 4000, "rows": 2800, "command-line": 3000}
ENVIRONMENTS = 200
PIECE = 200

FOUND: tuple[tuple[str, int], ...] = ()
"""Cases that were bugs once."""


def bugs(kind: str, first: int, count: int) -> list[str]:
    command = [sys.executable, "-m", "tests.fuzz.one_case", kind, str(first), str(count)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, timeout=3000)
    lines = done.stdout.splitlines()
    assert f"DONE {count}" in lines, (lines[-3:], done.stderr[-2000:])
    return [line for line in lines if line.startswith("BUG")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_inputs_end_in_a_clear_line(kind: str) -> None:
    assert bugs(kind, 0, FEW) == []


@pytest.mark.parametrize(("kind", "number"), FOUND)
def test_what_was_a_bug_once_is_none(kind: str, number: int) -> None:
    assert bugs(kind, number, 1) == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "first"), [(kind, first) for kind in KINDS for first in range(0, MANY[kind], PIECE)])
def test_many_inputs_end_in_a_clear_line(kind: str, first: int) -> None:
    assert bugs(kind, first, PIECE) == []


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(ENVIRONMENTS))
def test_no_environment_is_a_bug(number: int, tmp_path: Path) -> None:
    small_run(tmp_path)
    (tmp_path / "rows.jsonl").write_text((tmp_path / "phrases.jsonl").read_text())
    code, told = ended(number, tmp_path)
    assert code in CODES, told
    assert "Traceback" not in told
