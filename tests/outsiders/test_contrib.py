"""The plugins in ``contrib`` are installed and tested as their authors would, each in an environment of its own."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.outsiders.conftest import ROOT, Venv

pytestmark = pytest.mark.outsiders
PROJECTS = {"ftctl-echo": "echo", "ftctl-sql": "sql", "ftctl-moderation": "moderation"}


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_is_installed_tested_and_listed(project: str, venv: Callable[..., Venv], tmp_path: Path) -> None:
    folder = tmp_path / project
    shutil.copytree(ROOT / "contrib" / project, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    made = venv("testing")
    made.install("-e", f"{folder}[test]")
    told = made.run("python", "-m", "pytest", "-q", "-rs", cwd=folder)
    print(told)
    assert " passed" in told
    assert "is not installed here" not in told or not Path("/usr/lib/postgresql").exists()
    listed = json.loads(made.run("ftctl", "plugins", "--json", cwd=tmp_path))
    (mine,) = [row for row in listed if row["dist"] == project]
    assert (mine["name"], mine["status"]) == (PROJECTS[project], "ready")


def test_the_tutorial_shows_the_plugin_as_it_is() -> None:
    """Its blocks are the files; its commands are those that this folder's other tests run."""
    page = (ROOT / "docs" / "tutorial" / "own-plugin.md").read_text()
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    for name, text in blocks:
        assert (ROOT / name).read_text() == text, name


def test_the_tutorials_commands_work_one_after_another(venv: Callable[..., Venv], tmp_path: Path) -> None:
    """Between its two blocks of commands, the files are filled in as the page shows them."""
    page = (ROOT / "docs" / "tutorial" / "own-plugin.md").read_text()
    new, test, run = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    made = venv("local", "testing")
    made.run(*new.split(), cwd=tmp_path)
    for name, text in re.findall(r"```python\n# contrib/(\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    folder = tmp_path / "ftctl-echo"
    assert test.split("\n")[:2] == ["cd ftctl-echo", "pip install -e '.[test]' && pytest"]
    made.run("pip", "install", "-q", "-e", ".[test]", cwd=folder)
    made.run("pytest", "-q", cwd=folder)
    for line in run.strip().splitlines():
        told = made.run(*line.split(), cwd=folder)
    assert "echoed" in told
