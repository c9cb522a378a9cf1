"""`ftctl data preview`: what a file's rows will be, by the keys' use, and the mapping to copy."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import Ftctl

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "turns under other names": (
        {"dialog": [{"speaker": "Customer", "utterance": "Is it open?"}, {"speaker": "Agent", "utterance": "Yes."}]},
        {
            "names": {"messages": "dialog"},
            "turn_names": {"role": "speaker", "content": "utterance"},
            "roles": {"Agent": "assistant", "Customer": "user"},
        },
        [("user", "Is it open?"), ("assistant", "Yes.")],
    ),
    "columns": (
        {"id": 7, "faq_question": "Is it open?", "faq_answer": "Yes."},
        {"names": {"prompt": "faq_question", "completion": "faq_answer"}},
        [("user", "Is it open?"), ("assistant", "Yes.")],
    ),
    "deeper keys": (
        {"id": 7, "data": {"query": "Is it open?", "reply": "Yes."}},
        {"names": {"prompt": "data.query", "completion": "data.reply"}},
        [("user", "Is it open?"), ("assistant", "Yes.")],
    ),
}


def written(folder: Path, *rows: dict[str, Any]) -> None:
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))


@pytest.mark.parametrize("kind", ROWS)
def test_a_mapping_is_guessed_where_no_format_is_known_and_read_by(ftctl: Ftctl, tmp_path: Path, kind: str) -> None:
    row, mapping, turns = ROWS[kind]
    written(tmp_path, row, row)
    told = json.loads(ftctl("data", "preview", "rows.jsonl", "--json").stdout)
    assert told["guessed"]
    source = told["data_source"]
    assert {key: source[key] for key in mapping} == mapping
    assert [(turn["role"], turn["content"]) for turn in told["rows"][0]["messages"]] == turns


def test_the_mapping_that_is_shown_can_be_copied_and_built(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, *({"q": f"Is {n} open?", "the reply": f"Yes, {n}."} for n in range(30)))
    named = ("--set", "data_source.names.prompt=q", "--set", "data_source.names.completion=the reply")
    shown = ftctl("data", "preview", "rows.jsonl", *named)
    assert "format prompt-completion (30); all 30 rows read, 0 refused" in shown.stdout
    assert "user: Is 0 open?" in shown.stdout
    source = YAML(typ="safe").load(shown.stdout[shown.stdout.index("data_source:") :])
    (tmp_path / "run.yaml").write_text(json.dumps({"model": "builtin:tiny", **source, "evaluators": []}))
    built = ftctl("data", "run.yaml", "--json")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["stages"][-1]["name"] == "data"


def test_keys_are_shown_by_use_and_refused_rows_with_their_reason(ftctl: Ftctl, tmp_path: Path) -> None:
    good = {"prompt": "Is it open?", "completion": "Yes.", "source": "faq"}
    written(tmp_path, good, good | {"images": ["a.png"]}, good)
    done = ftctl("data", "preview", "rows.jsonl")
    assert done.returncode == 0
    assert "used  rendered and trained   completion 2, prompt 2" in done.stdout
    assert "kept  metadata, not trained  source 2" in done.stdout
    assert "refused 1: the key 'images' is media" in done.stdout
    assert "(first: rows.jsonl:2)" in done.stdout


def test_a_file_of_which_nothing_can_be_read_says_why(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, {"a": 1, "b": 2})
    done = ftctl("data", "preview", "rows.jsonl")
    assert done.returncode == 3
    assert "none of 1 rows can be read: no known format: keys a, b" in done.stderr
    assert "--set data_source.names.prompt=COLUMN" in done.stderr
