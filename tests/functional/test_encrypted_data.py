"""An encrypted data set, by the real command: none of its rows can be read, and everything works with the key."""

import json
from pathlib import Path

import pytest

from tests.conftest import Ftctl
from tests.functional.small import PHRASES, small_run

pytestmark = pytest.mark.heavy

KEY, OTHER = {"DATA_KEY": "0f" * 32}, {"DATA_KEY": "f0" * 32}
STEPS = ["dedup-exact", {"use": "encrypt", "key_env": "DATA_KEY"}]


def answers() -> list[bytes]:
    """What the longer answers of the rows say, as it would stand in a file."""
    rows = [json.loads(line) for line in PHRASES.read_text(encoding="utf-8").splitlines()[:60]]
    said = {turn["value"] for row in rows for turn in row["conversations"] if len(turn["value"]) > 12}
    return [json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in said]


def leaks(folder: Path) -> list[str]:
    """Files below the folder in which a row's text can be read."""
    looked_for = answers()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(text in path.read_bytes() for text in looked_for)]


def test_a_model_is_trained_on_rows_that_nobody_can_read(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path, data_steps=STEPS, evaluators=[{"use": "text-metrics", "max_new_tokens": 8}, "perplexity",
                                                       {"use": "human", "max_new_tokens": 8}])  # fmt: skip
    assert len(answers()) > 20
    assert leaks(tmp_path) == [str(tmp_path / "phrases.jsonl")]
    done = ftctl("evaluate", "run.yaml", "--json", env=KEY)
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / ".ftctl").glob("artifacts/report/*/human.form.*"))
    (events,) = (tmp_path / ".ftctl").glob("runs/*/events.ndjson")
    assert "human.form.csv is not kept: the data set is encrypted" in events.read_text()
    assert {path.name for path in (tmp_path / ".ftctl").glob("artifacts/dataset/*/*.enc")} == {
        f"{split}.jsonl.enc" for split in ("train", "validation", "test")
    }
    assert not list((tmp_path / ".ftctl").glob("tokens/*"))
    assert leaks(tmp_path / ".ftctl") == []
    compared = ftctl("compare", json.loads(done.stdout)["run_id"], "--json")
    assert {one["name"] for one in json.loads(compared.stdout)["differences"]} >= {"exact_match", "log_probability"}
    shown = ftctl("tune", "run.yaml", "--show-labels", "2", env=KEY)
    assert (shown.returncode, "leave --show-labels out" in shown.stderr) == (2, True)
    assert leaks(tmp_path / ".ftctl") == []


def test_without_its_key_it_is_refused_in_one_line(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path, data_steps=STEPS)
    absent = ftctl("data", "run.yaml")
    assert (absent.returncode, absent.stderr.count("DATA_KEY is not set")) == (2, 1)
    built = ftctl("data", "run.yaml", "--json", env=KEY)
    assert built.returncode == 0, built.stderr
    (made,) = [stage["artifact"] for stage in json.loads(built.stdout)["stages"] if stage["name"] == "data"]
    shown = json.loads(ftctl("data", "show", "--json", env=KEY).stdout)
    assert shown["samples"]["train"]
    assert ftctl("data", "show").returncode == 2
    wrong = ftctl("data", "show", env=OTHER)
    assert (wrong.returncode, "another key" in wrong.stderr) == (3, True)
    again = json.loads(ftctl("data", "run.yaml", "--json", "--workspace", "other", env=KEY).stdout)
    assert [stage["artifact"] for stage in again["stages"] if stage["name"] == "data"] == [made]
    changed = json.loads(ftctl("data", "run.yaml", "--json", env=OTHER).stdout)
    assert [stage["artifact"] for stage in changed["stages"] if stage["name"] == "data"] != [made]


def test_it_comes_last_and_needs_one_key(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0f" * 32)
    for steps, said in (
        ([{"use": "encrypt", "key_env": "DATA_KEY"}, "dedup-exact"], "must come last"),
        ([{"use": "encrypt"}], "no key"),
        ([{"use": "encrypt", "key_env": "DATA_KEY", "key_file": "key"}], "name one"),
    ):
        small_run(tmp_path, data_steps=steps)
        done = ftctl("data", "run.yaml", env=KEY)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    small_run(tmp_path, data_steps=[{"use": "encrypt", "key_file": "key"}])
    done = ftctl("data", "run.yaml")
    assert done.returncode == 0, done.stderr
    assert ftctl("data", "export", "out.jsonl.enc", "--key-file", "key").returncode == 0
    back = ("--set", "data_source.path=out.jsonl.enc", "--set", "data_source.key_file=key", "--set", "data_steps=[]")
    done = ftctl("data", "run.yaml", *back)
    assert done.returncode == 0, done.stderr
