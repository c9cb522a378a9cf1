"""The rows of the fault table that speak of data, through the real command."""

import json
from pathlib import Path

import pytest

from tests.conftest import Ftctl

GOOD = [
    {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]} for n in range(40)
]
TEXT = "".join(json.dumps(row) + "\n" for row in GOOD).encode()


def data(ftctl: Ftctl, tmp_path: Path, content: bytes, *settings: str) -> tuple[int, str]:
    (tmp_path / "d.jsonl").write_bytes(content)
    pairs = [part for setting in ("data_source.path=d.jsonl", *settings) for part in ("--set", setting)]
    done = ftctl("data", "--data-source", "jsonl", *pairs)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b'{"text":"caf\xe9"}', "d.jsonl:41: byte 13: invalid UTF-8"),
        (b'{"text": NaN}', "d.jsonl:41: NaN is not JSON"),
        (b'{"text":"a","text":"b"}', "d.jsonl:41: duplicate key 'text'"),
        (b'{"text":"\\ud800"}', "d.jsonl:41: lone surrogate"),
        (b'{"text":"\\u0000"}', "d.jsonl:41: control character U+0000"),
        (b"[" * 100_000, "d.jsonl:41: byte 65: too deep (limit 64)"),
        (b'{"n": ' + b"9" * 5000 + b"}", "d.jsonl:41: number of 5000 digits"),
        (b'{"text":"' + b"x" * (9 << 20) + b'"}', "d.jsonl:41: line longer than 8 MiB"),
        (b'{"question": "x"}', "d.jsonl:41: no known format: keys question"),
        (b'{"text": "another format"}', "d.jsonl:41: format text in a file of messages"),
        (b'{"messages": []}', "d.jsonl:41: `messages` must be a list with turns"),
        (b'{"messages": [{"role": "user"', "file ends inside a record (truncated?)"),
    ],
)
def test_a_bad_row_ends_with_code_3_line_and_reason(ftctl: Ftctl, tmp_path: Path, bad: bytes, message: str) -> None:
    code, said = data(ftctl, tmp_path, TEXT + bad)
    assert code == 3
    assert message in said


def test_all_bad_rows_are_told_at_once_and_can_be_allowed(ftctl: Ftctl, tmp_path: Path) -> None:
    content = TEXT + b"[1]\n" * 3
    code, said = data(ftctl, tmp_path, content)
    assert (code, said.count("a row must be an object")) == (3, 1)
    assert "d.jsonl:41, d.jsonl:42, d.jsonl:43: " in said
    assert data(ftctl, tmp_path, content, "data_source.skip_invalid=2")[0] == 3
    assert data(ftctl, tmp_path, content, "data_source.skip_invalid=3")[0] == 0
    rejects = next((tmp_path / ".ftctl" / "artifacts" / "dataset").glob("*/rejects.jsonl"))
    assert len(rejects.read_text().splitlines()) == 3


@pytest.mark.parametrize("content", [b"", b"\n\n", TEXT[:0]])
def test_no_rows_is_no_success(ftctl: Ftctl, tmp_path: Path, content: bytes) -> None:
    code, said = data(ftctl, tmp_path, content)
    assert code == 3
    assert "0 usable rows" in said


def test_the_format_is_said(ftctl: Ftctl, tmp_path: Path) -> None:
    code, said = data(ftctl, tmp_path, TEXT)
    assert code == 0
    assert "formats=messages 40" in said


def test_a_number_after_the_path_takes_so_many_rows(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(TEXT)
    done = ftctl("data", "--data-source", "jsonl", "--set", "data_source.path='d.jsonl#25'")
    assert "rows=25" in done.stderr


def test_a_changed_file_is_another_data_set(ftctl: Ftctl, tmp_path: Path) -> None:
    assert "cached" not in data(ftctl, tmp_path, TEXT)[1].replace("model  cached", "")
    assert "data  cached" in data(ftctl, tmp_path, TEXT)[1]
    assert "data  cached" not in data(ftctl, tmp_path, TEXT + TEXT[: TEXT.index(b"\n") + 1])[1]


def test_what_yaml_must_not_do(ftctl: Ftctl, tmp_path: Path) -> None:
    run = tmp_path / "run.yaml"
    for text, message in (
        ("model: !!python/object/apply:os.system ['touch MARK']", "is not allowed"),
        ("model: &a x\nseed: *a", "aliases"),
        ("model: builtin:tiny\nmodel: b", "twice"),
        ("model: builtin:tiny\nlerning_rate: 1", "unknown key"),
        ("just text", "is a mapping"),
    ):
        run.write_text(text)
        done = ftctl("run", "run.yaml", "--dry-run")
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "MARK").exists()
