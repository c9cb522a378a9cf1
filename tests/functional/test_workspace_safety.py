"""The workspace is its owner's alone, and no link leads out of it."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Ftctl, minimal_environment, run_in
from tests.functional.small import small_run

pytestmark = pytest.mark.heavy


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, made under a umask that protects nothing."""
    folder = tmp_path_factory.mktemp("open")
    small_run(folder)
    done = subprocess.run(
        [sys.executable, "-m", "ftctl_adapters.cli", "tune", "run.yaml", "--cold"],
        cwd=folder, env=minimal_environment(), capture_output=True, text=True, umask=0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_nobody_else_reads_or_writes_it_under_any_umask(tuned: Path) -> None:
    found = modes(tuned / ".ftctl")
    assert len(found) > 30
    assert {path: f"{mode:o}" for path, mode in found.items() if mode & 0o077} == {}
    assert stat.S_IMODE((tuned / ".ftctl").stat().st_mode) == 0o700


LINKED = (
    *("artifacts", "artifacts/model", "artifacts/adapter", "artifacts/model/*", "artifacts/*/*/manifest.json"),
    *("runs", "runs/*", "runs/*/stages", "runs/*/stages/*", "runs/*/events.ndjson", "cache", "cache/*", "tokens"),
)


TUNE = ("tune", "run.yaml")


@pytest.mark.parametrize(
    ("pattern", "command"),
    [*((pattern, TUNE) for pattern in LINKED), ("runs", ("runs", "list")), ("artifacts", ("data", "list"))],
)
def test_a_link_below_it_is_not_followed(tuned: Path, tmp_path: Path, pattern: str, command: tuple[str, ...]) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    shutil.copytree(tuned, folder)
    place = min((folder / ".ftctl").glob(pattern))
    place.rename(outside)
    before = {str(path): path.read_bytes() for path in tmp_path.rglob("outside*") if path.is_file()}
    place.symlink_to(outside)
    refused = run_in(folder)(*command)
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert f"{place} is a link" in refused.stderr
    assert "[workspace-unsafe]" in refused.stderr
    assert before == {path: Path(path).read_bytes() for path in before}


def test_a_link_above_it_is_the_users(tuned: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned, tmp_path / "disk")
    (tmp_path / "project").mkdir()
    for name in ("run.yaml", "phrases.jsonl"):
        shutil.copy(tuned / name, tmp_path / "project" / name)
    (tmp_path / "project" / ".ftctl").symlink_to(tmp_path / "disk" / ".ftctl")
    done = run_in(tmp_path / "project")("tune", "run.yaml")
    assert done.returncode == 0, done.stderr


def test_a_workspace_that_cannot_be_written_is_like_a_full_one(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = ftctl("run", "--workspace", "file")
    assert refused.returncode != 70
    blocked = ftctl("run", "--workspace", "/proc/nothing")
    assert blocked.returncode == 5, blocked.stderr
    assert "[workspace-unusable]" in blocked.stderr
