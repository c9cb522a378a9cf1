"""Rows that cannot be trained end a run before anything is evaluated, with all that is wrong at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl
from tests.functional.small import small_run

SPELLED = {"prompt": "Stage the file.", "completion": "git add <|im_end|>"}


def rows(folder: Path, spelled: int, **changed: Any) -> None:
    small_run(folder, evaluators=["text-metrics"], **changed)
    good = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(40)]
    bad = [SPELLED | {"prompt": f"Stage file {n}."} for n in range(spelled)]
    (folder / "phrases.jsonl").write_text("\n".join(map(json.dumps, bad + good)))


@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_what_cannot_be_trained_is_found_before_the_first_evaluation(
    ftctl: Ftctl, tmp_path: Path, objective: str
) -> None:
    rows(tmp_path, 30)
    done = ftctl("run", "run.yaml", "--tuner", "lora", "--set", f"tuner.objective={objective}", "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert [stage["name"] for stage in told["stages"]] == ["model", "data", "prepare"]
    assert "train examples cannot be trained as they are" in told["error"]["what"]
    assert "validation" in told["error"]["what"]
    assert len(told["error"]["details"]) > 20


def test_rows_that_spell_a_special_token_may_be_dropped(ftctl: Ftctl, tmp_path: Path) -> None:
    rows(tmp_path, 5)
    chosen = ("--set", "data_source.split.test=0.2", "--set", "tuner.special_tokens=drop", "--set", "tuner.max_steps=1")
    done = ftctl("run", "run.yaml", "--tuner", "lora", *chosen, "--json")
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.glob(".ftctl/artifacts/preparation/*/rows.json")
    states = json.loads(kept.read_text())["train"]["states"]
    assert states["dropped_special_token"] > 0
    assert states["kept"] + states["dropped_special_token"] < 45
    events = next(tmp_path.glob(".ftctl/runs/*/events.ndjson")).read_text()
    assert "examples spell a special token, and are dropped" in events
    (estimated,) = [json.loads(line) for line in events.splitlines() if '"MemoryEstimated"' in line]
    planned = json.loads(ftctl("run", "run.yaml", "--tuner", "lora", *chosen, "--dry-run", "--json").stdout)
    unread = ("--set", "data_source.data_seed=7")
    before = json.loads(ftctl("run", "run.yaml", "--tuner", "lora", *chosen, *unread, "--dry-run", "--json").stdout)
    assert planned["resources"]["memory"] == estimated["data"]["memory"], "the rows are known"
    assert planned["resources"]["notes"]["largest_batch"]["longest"] < 60
    assert before["resources"]["notes"] == {}
    assert before["resources"]["memory"]["train"] > 1.2 * planned["resources"]["memory"]["train"]
    assert planned["training"]["max_steps"] == 1


def test_rows_that_lose_their_end_are_told_with_their_number(ftctl: Ftctl, tmp_path: Path) -> None:
    rows(tmp_path, 0)
    cut = ("--tuner", "lora", "--set", "tuner.max_length=20", "--set", "tuner.overlong=truncate_right")
    shown = ftctl("tune", "run.yaml", "--show-labels", "2", *cut)
    assert "2 of 2 rows were cut at their end and hold no stop token, so they teach never to stop" in shown.stderr
    done = ftctl("tune", "run.yaml", "--set", "tuner.max_steps=1", *cut)
    assert done.returncode == 0, done.stderr
    assert "! train: 3" in done.stderr
    assert "they teach never to stop; raise tuner.max_length" in done.stderr
