"""Data sets that are there, by the real command: listed, shown, compared, named, and used again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl
from tests.documents import pdf

pytestmark = pytest.mark.heavy
RUN = "model: builtin:tiny\ndata_source: {{use: jsonl, path: {path}, skip_invalid: 5}}\ndata_steps: [{steps}]\n"


def rows(count: int, word: str = "row") -> str:
    return "".join(json.dumps({"prompt": f"What is {word} {n} of many?", "completion": f"It is {n}."}) + "\n"
                   for n in range(count))  # fmt: skip


def written(folder: Path, content: str, steps: str = "dedup-exact", path: str = "rows.jsonl") -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    (folder / "run.yaml").write_text(RUN.format(path=path, steps=steps))


def built(ftctl: Ftctl, *more: str) -> str:
    done = ftctl("data", "run.yaml", "--json", *more)
    assert done.returncode == 0, done.stderr
    (stage,) = [stage for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data"]
    return str(stage["artifact"])


def asked(ftctl: Ftctl, *words: str) -> Any:
    done = ftctl("data", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_data_set_is_listed_shown_and_each_row_explained(ftctl: Ftctl, tmp_path: Path) -> None:
    repeated = json.dumps({"prompt": "WHAT IS ROW 0 of many?", "completion": "it is  0."})
    written(tmp_path, f"{rows(40)}{repeated}\n{{no\n")
    reference = built(ftctl)
    (listed,) = asked(ftctl, "list")
    assert f"dataset/{listed['digest']}" == reference
    shown = asked(ftctl, "show")
    assert shown["summary"]["states"] == {"duplicate": 1, "kept": 40, "quarantined": 1}
    assert [len(shown["samples"][kind]) for kind in ("train", "duplicate", "quarantined")] == [3, 1, 1]
    assert sum(sum(told.values()) for told in shown["summary"]["lengths"].values()) == 40
    text = ftctl("data", "show", listed["digest"][:8]).stdout
    for part in ("dedup-exact", "state duplicate", "characters", "rows.jsonl:42"):
        assert part in text
    (way,) = asked(ftctl, "why", "rows.jsonl:41")
    assert (way["state"], way["operator"], way["repeats"]["where"]) == ("duplicate", "dedup-exact", "rows.jsonl:1")
    told = ftctl("data", "why", "42").stdout
    assert "quarantined: byte 2: not JSON" in told
    lost = ftctl("data", "why", "rows.jsonl:99")
    assert (lost.returncode, "a number from 1 to 42" in lost.stderr) == (2, True)
    assert ftctl("data", "show", "none").returncode == 2


def test_what_differs_between_two_is_told(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, rows(30))
    first = built(ftctl)
    written(tmp_path, rows(32)[len(rows(1)) :], steps="{use: dedup-exact, casefold: false}")
    second = built(ftctl)
    found = asked(ftctl, "diff", first.partition("/")[2][:10])
    assert f"dataset/{found['new']}" == second
    assert sum(found["added"].values()) == 2
    assert sum(found["removed"].values()) == 1
    assert (found["same"], found["moved"]) == (29, {})
    assert any("casefold: true → false" in line for line in found["recipe"])
    assert "0 of many" in found["examples"]["removed"][0]["messages"][0]["content"]
    text = ftctl("data", "diff", first[:16], second[:16]).stdout
    assert "29 rows are the same" in text
    assert "casefold: true → false" in text


def test_an_older_one_comes_back_by_its_name(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, rows(20))
    first = built(ftctl)
    assert ftctl("data", "tag", first[:20], "good").returncode == 0
    assert "cannot be a tag" in ftctl("data", "tag", first[:20], "abcdef12").stderr
    written(tmp_path, rows(20, "broken"))
    assert built(ftctl) != first
    assert built(ftctl, "--set", "dataset=good") == first
    (tmp_path / "rows.jsonl").unlink()
    assert built(ftctl, "--set", f"dataset={first[:20]}") == first
    unknown = ftctl("data", "run.yaml", "--set", "dataset=goof")
    assert (unknown.returncode, "did you mean 'good'" in unknown.stderr) == (2, True)


def test_where_it_lies_and_when_it_is_made_change_nothing_and_each_byte_does(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, rows(20))
    first = built(ftctl)
    written(tmp_path, rows(20), path="elsewhere/rows.jsonl")
    assert built(ftctl, "--workspace", "second") == first
    assert built(ftctl, "--set", "data_source.memory_mb=64", "--inline", "--workspace", "third") == first
    written(tmp_path, rows(20).replace("row 7", "Row 7"))
    assert built(ftctl) != first
    written(tmp_path, rows(20), steps="")
    assert built(ftctl) != first


def test_several_sources_feed_one_data_set(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    pages = [f"Page {n} of the manual says how bells ring." for n in range(3)]
    (tmp_path / "manuals" / "bells.pdf").write_bytes(pdf(pages))
    (tmp_path / "rows.jsonl").write_text(rows(30))
    (tmp_path / "run.yaml").write_text(
        "model: builtin:tiny\ndata_source:\n  - {use: jsonl, path: rows.jsonl}\n  - {use: documents, path: manuals}\n"
    )
    built(ftctl)
    shown = asked(ftctl, "show")
    assert shown["rows"] == 33
    (way,) = asked(ftctl, "why", "bells.pdf:page 2")
    assert way["where"] == "documents:bells.pdf:page 2"
    bad = ftctl("data", "run.yaml", "--set", "data_source.sources[0].pat=x")
    assert bad.returncode == 2
    for text, said in {
        "{sources: []}": "name one at least",
        "{sources: [{use: jsonl, pth: x}]}": "data_source.sources[0].pth: unknown key; did you mean 'path'?",
        "{sources: [{use: jsonl, path: rows.jsonl}], probabilities: [1, 2]}": "2 for 1 sources",
        "{sources: [{use: jsonl, path: rows.jsonl}], pobabilities: [1]}": "did you mean 'probabilities'?",
    }.items():
        (tmp_path / "run.yaml").write_text(f"model: builtin:tiny\ndata_source: {text}\n")
        refused = ftctl("data", "run.yaml")
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr


CONTRACT = """
kind: messages
roles: [user, assistant]
max_chars: 40
against: [exam.jsonl]
ngram: 5
"""


def test_every_violation_of_a_contract_is_listed_at_once(ftctl: Ftctl, tmp_path: Path) -> None:
    written(tmp_path, rows(20))
    built(ftctl)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "exam.jsonl").write_text('{"text": "so what is row 7 of many things"}\n')
    found = ftctl("data", "check", "contract.yaml")
    assert found.returncode == 3
    assert "1 violations in 20 rows" in found.stderr
    assert "rows.jsonl:8: 2 runs of 5 tokens are in exam.jsonl:1" in found.stderr
    (tmp_path / "bad.jsonl").write_text(rows(2) + rows(1) + "{no\n" + rows(1, "x" * 40))
    both = ftctl("data", "check", "contract.yaml", "bad.jsonl", "--json")
    told = json.loads(both.stdout)
    assert (both.returncode, told["rows"], len(told["violations"])) == (3, 5, 3)
    (tmp_path / "contract.yaml").write_text("kind: messages\n")
    assert ftctl("data", "check", "contract.yaml", "--split", "train").returncode == 0
    (tmp_path / "contract.yaml").write_text("knd: messages\nmetadata: {a: txt}\n")
    wrong = ftctl("data", "check", "contract.yaml")
    assert (wrong.returncode, "did you mean 'kind'?" in wrong.stderr) == (2, True)


def test_a_split_goes_out_and_comes_back(ftctl: Ftctl, tmp_path: Path) -> None:
    said = [{"by": name, "name": "good", "value": word} for name, word in (("a", "yes"), ("b", "no"))]
    lines = [json.loads(line) | {"metadata": {"annotations": said}} for line in rows(30).splitlines()]
    written(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), steps="{use: agreement, question: good}")
    built(ftctl)
    count = asked(ftctl, "show")["splits"]["train"]
    secret = {"DATA_KEY": "0f" * 32}
    for form, name in (("label-studio", "tasks.json"), ("argilla", "records.json"), ("jsonl", "rows.jsonl.enc")):
        more = ("--key-env", "DATA_KEY") if name.endswith(".enc") else ()
        done = ftctl("data", "export", name, "--format", form, *more, env=secret)
        assert done.returncode == 0, done.stderr
        assert f"{count} rows" in done.stdout
        assert ftctl("data", "export", name, "--format", form, *more, env=secret).returncode == 2
        key = "data_source.key_env=DATA_KEY" if more else "data_source.format=auto"
        back = ftctl(
            "data", "run.yaml", "--set", f"data_source.path={name}", "--set", key, "--workspace", form, env=secret
        )
        assert back.returncode == 0, back.stderr
        again = asked(ftctl, "show", "--workspace", form)
        assert again["rows"] == count
        assert again["samples"]["train"][0]["metadata"]["annotations"] == said
    assert b"What is row" not in (tmp_path / "rows.jsonl.enc").read_bytes()
