"""Closed descriptors, odd encodings and locales, devices as files: a clear line, and never a bug of ours."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import minimal_environment
from tests.functional.small import small_run

FTCTL = f"{shlex.quote(sys.executable)} -m ftctl_adapters.cli"


def shell(folder: Path, line: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", line.replace("ftctl ", f"{FTCTL} ")],
        cwd=folder, env={**minimal_environment(), **variables}, capture_output=True, text=True, errors="replace",
        timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small run, whose rows hold signs that few consoles have."""
    place = tmp_path_factory.mktemp("odd")
    small_run(place)
    return place


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("ftctl data run.yaml >&-", {}),
        ("ftctl data run.yaml 2>&-", {}),
        ("ftctl data run.yaml <&- >&- 2>&-", {}),
        ("ftctl data show", {"PYTHONIOENCODING": "latin-1"}),
        ("ftctl data show", {"PYTHONIOENCODING": "ascii"}),
        ("ftctl data run.yaml && ftctl data show",
         {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("ftctl data run.yaml", {"LC_ALL": "xx_YY", "LANG": "nonsense"}),
        ("env -i PATH=$PATH ftctl data run.yaml", {}),
        ("ftctl data run.yaml", {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"}),
        ("ftctl data run.yaml", {"COLUMNS": "-1", "LINES": "x", "TERM": ""}),
        ("ftctl data <(cat run.yaml)", {}),
    ],
)  # fmt: skip
def test_a_command_goes_on(folder: Path, line: str, variables: dict[str, str]) -> None:
    done = shell(folder, line, **variables)
    assert done.returncode == 0, done.stderr


def test_what_is_closed_is_not_filled_with_output(folder: Path) -> None:
    """Otherwise the first file that is opened has the number of standard output."""
    assert shell(folder, "ftctl data run.yaml --set seed=7 >&- <&-").returncode == 0
    for path in (folder / ".ftctl").rglob("*.json"):
        json.loads(path.read_text())


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("ftctl run /dev/zero", 2, "more than 1048576 bytes"),
        ("mkfifo pipe && ftctl run pipe", 2, "pipe: is empty"),
        ("ftctl run /dev/null", 2, "/dev/null: is empty"),
        ("ftctl run /dev/full", 2, "more than 1048576 bytes"),
        ("ftctl run .", 2, "is a directory"),
        ("ftctl run nosuch.yaml", 2, "No such file"),
        ("ftctl run $'\\xff.yaml'", 2, "No such file"),
        ("ftctl run --dry-run --workspace $'\\xff'", 2, "is no UTF-8"),
        ("ftctl run --dry-run --set chat_template=/dev/zero", 4, "chat template of"),
        ("mkdir -p gone && cd gone && rmdir ../gone && ftctl run --dry-run", 2, "current folder is not there"),
        ("ftctl run --dry-run > /dev/full", 5, "No space left on device"),
    ],
)
def test_a_mistake_is_one_line(folder: Path, line: str, code: int, said: str) -> None:
    done = shell(folder, line)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_a_pipe_that_stays_silent_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ftctl.bounded_file import read_bounded

    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(TimeoutError, match=r"nothing came for 0\.3 s"):
            read_bounded(tmp_path / "pipe", 100, seconds=0.3)
    finally:
        os.close(writer)
