"""Run files: YAML 1.2 with nothing that can surprise (FAULTS F43–F46)."""

from pathlib import Path

import pytest

from ftctl.errors import ConfigInvalid
from ftctl_adapters.config.dump import dump_yaml
from ftctl_adapters.config.strict_yaml import parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("3e-3", 3e-3),
        ("1_000", 1000),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("0x10", 16),
        ("010", 10),
        ("null", None),
        ("~", None),
        ("1:30", "1:30"),
        ("'1'", "1"),
        ("2026-11-21", "2026-11-21"),
        (".5", 0.5),
        ("[1, a, {b: 2}]", [1, "a", {"b": 2}]),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_yaml(f"key: {text}", "f") == {"key": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system ['touch MARK']", "tag"),
        ("a: !custom 1", "tag"),
        ("a: 1\na: 2", "twice"),
        ("a: [1", "not YAML"),
        ("a: " + "[" * 40 + "]" * 40, "too deeply"),
        ("a: " + "[" * 5000, "too deeply|not YAML"),
        ("%YAML 1.1\n---\na: no", "other rules"),
        ("a: " + "9" * 5000, "number of 5000 characters"),
        ("? [a, b]\n: 1", "key must be text"),
        ("a: \x07", "not YAML"),
    ],
)
def test_surprises_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_yaml(text, "run.yaml")
    import re

    assert re.search(message, caught.value.what + " ".join(caught.value.details))


def test_an_alias_bomb_costs_nothing() -> None:
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 9))
    with pytest.raises(ConfigInvalid, match="aliases"):
        parse_yaml(f"l0: &l0 x\n{levels}", "bomb")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"a: 1\n" * 300_000)
    with pytest.raises(ConfigInvalid, match="more than 1048576 bytes"):
        read_yaml(path)


def test_problems_name_the_line() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_yaml("model: x\nseed: 1\nseed: 2\n", "run.yaml")
    assert caught.value.details == ("run.yaml:3: key 'seed' is there twice",)


def test_what_is_written_reads_back_equal() -> None:
    document = {"a": 1e-5, "b": "no", "c": None, "d": [1, "1", True], "e": {"f": "multi\nline", "g": "é 你好"}}
    assert parse_yaml(dump_yaml(document), "f") == document
