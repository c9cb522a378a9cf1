"""What every test may ask for."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ftctl.application.app import App
from ftctl.plugin.registry import Registry
from ftctl.ports.context import StageContext
from ftctl.testing import fakes
from ftctl.testing.offers import fake_entry_points
from ftctl_adapters.modeling import golden
from ftctl_adapters.process import guard, shared_server
from ftctl_adapters.process.fork_client import SHARED
from ftctl_adapters.process.inline_runner import InlineRunner

Ftctl = Callable[..., "subprocess.CompletedProcess[str]"]


def minimal_environment() -> dict[str, str]:
    """What a shell would have, and the fork server that all commands of this session share."""
    return {**bare_environment(), SHARED: str(fork_servers())}


def bare_environment() -> dict[str, str]:
    """What a shell would have."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {**kept, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}


@cache
def fork_servers() -> Path:
    """The folder of a fork server, which is started once and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="ftctl-fork-servers-"))
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, sys.executable, "-m", shared_server.__name__],
        stdin=subprocess.PIPE,
        env={**bare_environment(), SHARED: str(folder)},
        start_new_session=True,
    )

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return folder


@pytest.fixture
def ftctl(tmp_path: Path) -> Ftctl:
    """Runs the real command in an empty folder: ``ftctl("run", "--once", env={...})``."""
    return run_in(tmp_path)


def run_in(folder: Path) -> Ftctl:
    """Return a function that runs the real command in a folder."""

    def call(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> object:
        return subprocess.run(
            [sys.executable, "-m", "ftctl_adapters.cli", *arguments],
            cwd=cwd or folder,
            env={**minimal_environment(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=570,
        )

    return call


@pytest.fixture(autouse=True)
def short_golden_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden answers of models trained in this process are short: making them takes longer than such a training."""
    monkeypatch.setattr(golden, "MAX_NEW_TOKENS", 8)


@pytest.fixture
def fake_app(tmp_path: Path) -> App:
    """The application over fakes alone, with jobs run inline."""
    return App(
        workspace=tmp_path,
        registry=Registry(fake_entry_points),
        store=fakes.FakeArtifactStore(tmp_path / "artifacts"),
        journals=fakes.FakeRunJournals(tmp_path / "runs"),
        jobs=InlineRunner(),
        servers=fakes.FakeServerRunner(),
        intake=fakes.FakeModelIntake(),
        environments=fakes.FakeEnvironments(),
        report=fakes.FakeRunReport(),
        clock=fakes.FakeClock(),
        dump=str,
    )


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    """A stage's context that keeps its events in ``settings["events"]``."""
    events: list[tuple[str, dict[str, object]]] = []
    for name in ("work", "out"):
        (tmp_path / name).mkdir()
    return StageContext(
        tmp_path / "work",
        tmp_path / "out",
        7,
        lambda kind, **data: events.append((kind, data)),
        lambda: False,
        {"events": events},
    )
