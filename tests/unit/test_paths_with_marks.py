"""``#`` in a path is a mark for a number of rows only where no such file exists, and begins no comment in ``--set``."""

import json
from pathlib import Path

import pytest

from ftctl.plugin.option_checks import check_options
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.config.compose import parse_setting
from ftctl_plugins.data_sources.jsonl import JsonlOptions, JsonlSource


def source(path: Path) -> JsonlSource:
    values, problems = check_options(JsonlOptions, {"path": str(path)}, "data_source")
    assert not problems
    return JsonlSource(JsonlOptions(**values))


@pytest.mark.parametrize("name", ["data#5.jsonl", "notes #2", "notes#2"])
def test_a_path_that_exists_is_taken_as_it_is(tmp_path: Path, context: StageContext, name: str) -> None:
    file = tmp_path / name if name.endswith("l") else tmp_path / name / "rows.jsonl"
    for folder, said in ((file, "right"), (tmp_path / "notes" / "rows.jsonl", "wrong")):
        folder.parent.mkdir(exist_ok=True)
        folder.write_text("\n".join(json.dumps({"text": f"{said} {n}"}) for n in range(9)))
    found = list(source(tmp_path / name).examples(context))
    assert [row.text for row in found if hasattr(row, "text")] == [f"right {n}" for n in range(9)]


def test_a_number_behind_the_mark_limits_the_rows(tmp_path: Path, context: StageContext) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": f"row {n}"}) for n in range(9)))
    assert len(list(source(tmp_path / "rows.jsonl#4").examples(context))) == 4
    with pytest.raises(DataSourceError, match="no such path, and after # stands no number of rows"):
        source(tmp_path / "rows.jsonl#four")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_source.path=notes #2", "notes #2"),
        ("data_source.path=notes#2", "notes#2"),
        ('data_source.path="a #b"', "a #b"),
        ("tuner.rank=8 # of them", 8),
        ("x=[1, 2]", [1, 2]),
    ],
)
def test_a_setting_ends_with_its_argument(setting: str, value: object) -> None:
    assert parse_setting(setting)[1] == value
