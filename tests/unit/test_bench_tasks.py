"""What a benchmark was made of changes with every file that its tasks name, and with no other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.external.bench_tasks import fingerprint

TASK = """
include: ../base.yaml
task: ours
dataset_path: {rows}
dataset_kwargs: {{data_files: {{test: "{files}"}}}}
process_docs: !function below.utils.process
task_list:
  - {{task: inner, dataset_kwargs: {{data_files: "{inner}"}}}}
"""
NAMES = (
    *("base.yaml", "rows/a.json", "inner/deep/b.json"),
    *("tasks/below/utils.py", "tasks/test.jsonl", "tasks/ours.yaml"),
)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name in ("rows", "inner/deep", "tasks/below"):
        (tmp_path / name).mkdir(parents=True)
    named = {
        "base.yaml": "test_split: test",
        "rows/a.json": "{}",
        "inner/deep/b.json": "{}",
        "tasks/below/utils.py": "def process(): ...",
        "tasks/test.jsonl": "{}",
        "tasks/ours.yaml": TASK.format(
            rows=tmp_path / "rows", files=folder / "test.jsonl", inner=tmp_path / "inner" / "**.{json,jsonl}"
        ),
    }
    for name, text in named.items():
        (tmp_path / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_it_changes_with_what_a_task_is_made_of(tmp_path: Path, tasks: Path, name: str) -> None:
    before = fingerprint([str(tasks / "ours.yaml")], None)
    (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
    assert fingerprint([str(tasks / "ours.yaml")], None) != before


def test_it_does_not_change_with_what_is_nobodys_task(tmp_path: Path, tasks: Path) -> None:
    def told() -> str:
        return fingerprint([str(tasks / "ours.yaml"), "arc_easy"], str(tasks))

    before = told()
    (tasks / ".ftctl" / "runs").mkdir(parents=True)
    (tasks / ".ftctl" / "runs" / "run.yaml").write_text("task: [")
    (tasks / "notes.txt").write_text("x")
    (tmp_path / "other.yaml").write_text("task: other")
    assert told() == before
    (tasks / "more.yaml").write_text("task: [")
    assert told() != before, "a folder of tasks is meant as a whole, whatever lies in it"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.unlink(), "cannot read .*ours.yaml: No such file"),
        (lambda path: path.write_text("task: ["), "the task .*ours.yaml is not YAML"),
        (lambda path: path.write_bytes(b"\xff"), "the task .*ours.yaml is not YAML"),
    ],
)
def test_a_file_that_is_no_task_is_named(tasks: Path, write: Callable[[Path], object], said: str) -> None:
    write(tasks / "ours.yaml")
    with pytest.raises(EvaluatorError, match=said):
        fingerprint([str(tasks / "ours.yaml")], None)


def test_files_may_include_each_other_and_folders_must_be_there(tasks: Path) -> None:
    (tasks / "ours.yaml").write_text("include: ours.yaml\ntask: ours")
    assert fingerprint([str(tasks / "ours.yaml")], None)
    with pytest.raises(EvaluatorError, match="nowhere is no folder"):
        fingerprint([], "nowhere")
