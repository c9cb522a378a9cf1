"""The plugins in ``contrib`` are installed and tested as their authors would, each in an environment of its own."""

import json
import re
import shutil
import sqlite3
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


@pytest.fixture(scope="module")
def local(venv: Callable[..., Venv]) -> Venv:
    """An environment in which the embedded default can run."""
    return venv("local", "testing")


def test_a_data_set_comes_out_of_a_database(local: Venv, tmp_path: Path) -> None:
    """By the run file of its page; the worker, a process of its own, is given the variable that the option names."""
    made, folder = local, tmp_path
    shutil.copytree(ROOT / "contrib" / "ftctl-sql", folder / "ftctl-sql")
    made.install(folder / "ftctl-sql")
    with sqlite3.connect(folder / "chats.db") as database:
        database.execute("CREATE TABLE conversations (id INTEGER, question TEXT, answer TEXT, topic TEXT, rating INT)")
        rows = [(n, f"{n} and {n}?", str(2 * n), "sums", n % 6) for n in range(60)]
        database.executemany("INSERT INTO conversations VALUES (?, ?, ?, ?, ?)", rows)
    (shown,) = re.findall(r"```text\n(data_source:.*?)```", (folder / "ftctl-sql" / "README.md").read_text(), re.DOTALL)
    (folder / "run.yaml").write_text(f"model: builtin:tiny\n{shown}")
    address = {"TRAINING_DB": f"sqlite:///{folder / 'chats.db'}"}
    done = json.loads(made.run("ftctl", "data", "run.yaml", "--json", cwd=folder, env=address))
    assert done["status"] == "done"
    (summary,) = folder.glob(".ftctl/artifacts/dataset/*/summary.json")
    assert json.loads(summary.read_text())["states"] == {"kept": 20}
    (job,) = folder.glob(".ftctl/runs/*/stages/*data/job.json")
    assert "chats.db" not in job.read_text()


def test_the_tutorial_shows_the_plugin_as_it_is() -> None:
    """Its blocks are the files; its commands are those that this folder's other tests run."""
    page = (ROOT / "docs" / "tutorial" / "own-plugin.md").read_text()
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    for name, text in blocks:
        assert (ROOT / name).read_text() == text, name


def test_the_tutorials_commands_work_one_after_another(local: Venv, tmp_path: Path) -> None:
    """Between its two blocks of commands, the files are filled in as the page shows them."""
    page = (ROOT / "docs" / "tutorial" / "own-plugin.md").read_text()
    new, test, run = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    made = local
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
