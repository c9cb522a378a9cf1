"""Environments are built once and kept for the next time, in this user's data folder."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.environment_folder import folder_of
from tests.docs.shell import documented

UNABLE = ("[disk-full]", "Temporary failure in name resolution", "Failed to establish a new connection")
"""What a machine can lack, as against what can be wrong with a recipe."""
SELDOM = (
    "TestVllm::test_it_ends_when_what_listens_was_killed",
    "TestVllm::test_weights_that_are_cut_off_are_refused_before_it_is_ready",
    "test_garak.py::test_it_keeps_its_contract_where_it_lives",
    "test_inspect_ai.py::test_it_keeps_its_contract_where_it_lives",
    "test_lm_eval.py::test_it_keeps_its_contract_where_it_lives",
    "test_pyrit.py::test_it_keeps_its_contract_where_it_lives",
)
"""Contracts that cost most: vLLM started once more, and evaluators that are run whole beside them.

A class that keeps a contract cannot mark what it inherits.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.endswith(SELDOM):
            item.add_marker(pytest.mark.nightly)


def created(name: str, turn: Path) -> str:
    """What went wrong when the environment was made, or nothing.

    Processes of tests side by side take turns: `env create` itself refuses to begin beside another.
    """
    shown = documented("how-to/vllm.md", "env create", {"vllm": name})
    with turn.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "ftctl_adapters.cli", *shown]
        made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    return "" if made.returncode == 0 and folder_of(name).record() else made.stderr[-2000:]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Makes sure of an environment; without room or network the test is left out, and says so."""
    done: dict[str, str] = {}
    shared = tmp_path_factory.getbasetemp().parent

    def make(name: str) -> None:
        if name not in done:
            done[name] = created(name, shared / f"environment-{name}.lock")
        if done[name] and any(reason in done[name] for reason in UNABLE):
            pytest.skip(f"NOT RUN: the environment {name} could not be built here:\n{done[name]}")
        assert not done[name], done[name]

    return make


@pytest.fixture(scope="session")
def testing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tests need, beside environments that have none: a folder for their path."""
    folder = tmp_path_factory.mktemp("testing")
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "pytest>=8.4"]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def keeps_contract(testing: Path, tmp_path: Path) -> Callable[[Interpreter, str], None]:
    """Runs the contract of a file beside this one where the backend lives."""

    def check(python: Interpreter, name: str) -> None:
        place = str(Path(__file__).with_name(name))
        done = subprocess.run(
            [python.path, "-m", "pytest", "-q", "--noconftest", "-c", "/dev/null", place],
            cwd=tmp_path,
            env={**os.environ, **python.variables, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(testing)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        assert " passed" in done.stdout

    return check
