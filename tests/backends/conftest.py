"""Environments are built once and kept for the next time, in this user's data folder."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from ftctl_adapters.environments.folder import folder_of
from tests.docs.shell import documented

UNABLE = ("[disk-full]", "Temporary failure in name resolution", "Failed to establish a new connection")
"""What a machine can lack, as against what can be wrong with a recipe."""


@pytest.fixture(scope="session")
def environment() -> Callable[[str], None]:
    """Makes sure of an environment; without room or network the test is left out, and says so."""
    done: dict[str, str] = {}

    def make(name: str) -> None:
        if name not in done:
            shown = documented("how-to/vllm.md", "env create", {"vllm": name})
            command = [sys.executable, "-m", "ftctl_adapters.cli", *shown]
            made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
            done[name] = "" if made.returncode == 0 and folder_of(name).record() else made.stderr[-2000:]
        if done[name] and any(reason in done[name] for reason in UNABLE):
            pytest.skip(f"NOT RUN: the environment {name} could not be built here:\n{done[name]}")
        assert not done[name], done[name]

    return make
