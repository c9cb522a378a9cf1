"""``ftctl search`` from the command line: real trials, killed, gone on with, and taken from the cache."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl
from tests.docs.shell import ROOT, documented
from tests.faults.test_kills import descendants_gone, start
from tests.functional.small import small_run
from tests.unit.test_processes import wait_for

pytestmark = pytest.mark.heavy

SPACE = """
trials: 3
parameters:
  tuner.learning_rate: {low: 1e-4, high: 1e-2, log: true}
  tuner.rank: {choices: [2, 4]}
"""


def folder_with_search(folder: Path, **keys: object) -> Path:
    """Trials of four steps, and a space of six."""
    run = small_run(folder, **keys)
    run.write_text(run.read_text().replace("max_steps: 12, save_steps: 2", "max_steps: 4"))
    (folder / "space.yaml").write_text(SPACE)
    return folder


def finished_tunes(folder: Path) -> list[Any]:
    runs = [json.loads(path.read_text()) for path in folder.glob(".ftctl/runs/*/run.json")]
    return [run for run in runs if run["status"] == "done"]


@pytest.mark.kills
def test_a_killed_search_goes_on_and_names_the_best_run(ftctl: Ftctl, tmp_path: Path) -> None:
    folder_with_search(tmp_path)
    process = start(tmp_path, "search", "run.yaml", "--space", "space.yaml")
    assert wait_for(lambda: finished_tunes(tmp_path), 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert wait_for(lambda: descendants_gone(tmp_path), 15)
    done = ftctl("search", "run.yaml", "--space", "space.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    complete = [trial for trial in found["trials"] if trial["state"] in ("complete", "pruned")]
    assert len(complete) == 3
    assert found["best"]["value"] == min(trial["value"] for trial in found["trials"] if trial["state"] == "complete")
    shown = ftctl("runs", "show", found["best"]["run_id"])
    assert shown.returncode == 0
    values = found["best"]["parameters"]
    settings = [part for path, value in values.items() for part in ("--set", f"{path}={value}")]
    again = json.loads(ftctl("tune", "run.yaml", *settings, "--json").stdout)
    assert {stage["status"] for stage in again["stages"]} == {"cached"}, "every trial is an ordinary run"
    more = ftctl("search", "run.yaml", "--space", "space.yaml")
    assert "trial " not in more.stderr, "the budget is spent"
    assert "best: trial" in more.stdout


def test_the_command_of_its_page_searches_the_space_of_its_page(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path, evaluators=["text-metrics"])
    page = (ROOT / "docs" / "how-to" / "search.md").read_text()
    (space,) = re.findall(r"```yaml space\n(.*?)```", page, re.DOTALL)
    (tmp_path / "space.yaml").write_text(space)
    done = ftctl(*documented("how-to/search.md", "search", {"20": "1"}), "--json")
    assert done.returncode == 0, done.stderr
    (trial,) = json.loads(done.stdout)["trials"]
    assert set(trial["parameters"]) == {"tuner.learning_rate", "tuner.rank", "tuner.num_train_epochs"}


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("parameters: {tuner.rnak: {choices: [2]}}\n", "did you mean 'rank'?"),
        ("parameters: {tuner.rank: {low: 4, high: 2}}\n", "low must be less than high"),
        ("parameters: {tuner.rank: {choices: [9999]}}\n", "tuner.rank: must be at most"),
    ],
)
def test_a_mistake_ends_the_search_before_a_trial(ftctl: Ftctl, tmp_path: Path, space: str, said: str) -> None:
    small_run(tmp_path)
    (tmp_path / "space.yaml").write_text(space)
    done = ftctl("search", "run.yaml", "--space", "space.yaml")
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.glob(".ftctl/runs/*"))


def test_a_trial_that_its_gate_refuses_counts_and_the_search_goes_on(ftctl: Ftctl, tmp_path: Path) -> None:
    folder_with_search(tmp_path, evaluators=["perplexity"], gates=[{"metric": "perplexity", "max_value": 0.5}])
    space = "metric: tuned.perplexity\ntrials: 2\nparameters: {tuner.rank: {choices: [2, 4]}}\n"
    (tmp_path / "space.yaml").write_text(space)
    done = ftctl("search", "run.yaml", "--space", "space.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [trial["state"] for trial in found["trials"]] == ["fail", "fail"]
    assert found["best"] is None
    assert "failed:" in done.stderr
