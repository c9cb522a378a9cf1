"""Text in other encodings is read if it is named, or guessed on request; plain text by line or paragraph."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example
from ftctl.ports.data_source import DataSourceError
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.data_sources.csv import CsvOptions, CsvSource
from ftctl_plugins.data_sources.jsonl import JsonlOptions, JsonlSource

CHINESE = "今天天气怎么样？今天天气很好，我们去公园散步吧。"


def read(source: Any, folder: Path) -> list[Example]:
    rows = list(source.examples(recording(folder)))
    assert all(isinstance(row, Example) for row in rows), rows
    return rows


FRENCH = "Une leçon très naïve déjà à côté"


@pytest.mark.parametrize(
    ("encoding", "said", "asked"),
    [
        ("gb18030", CHINESE, "gb18030"),
        ("gb18030", CHINESE, "auto"),
        ("utf-16", CHINESE, "utf-16"),
        ("utf-16", CHINESE, "auto"),
        ("utf-8", CHINESE, "auto"),
        ("cp1252", FRENCH, "cp1252"),
    ],
)
def test_rows_in_another_encoding(tmp_path: Path, encoding: str, said: str, asked: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(f"prompt,completion\n{said * 3},{said}\n".encode(encoding))
    (row,) = read(CsvSource(CsvOptions(path=str(path), encoding=asked)), tmp_path)
    assert row.answer == said


def test_what_is_not_of_the_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("prompt,completion\nhé,ya\n".encode("cp1252"))
    with pytest.raises(DataSourceError, match="rows.csv: is not gb18030"):
        list(CsvSource(CsvOptions(path=str(path), encoding="gb18030")).examples(recording(tmp_path)))
    with pytest.raises(DataSourceError, match="no encoding 'latin-11'"):
        CsvSource(CsvOptions(path=str(path), encoding="latin-11"))


@pytest.mark.parametrize(
    ("unit", "texts", "places"),
    [
        ("line", ["One.", "Two.", "Three."], ["t.txt:1", "t.txt:2", "t.txt:4"]),
        ("paragraph", ["One.\nTwo.", "Three."], ["t.txt:1", "t.txt:4"]),
    ],
)
def test_plain_text_by_line_or_paragraph(tmp_path: Path, unit: str, texts: list[str], places: list[str]) -> None:
    (tmp_path / "t.txt").write_text("One.\nTwo.\n\nThree.\n")
    rows = read(JsonlSource(JsonlOptions(path=str(tmp_path / "t.txt"), text_unit=unit)), tmp_path)
    assert [row.text for row in rows] == texts
    assert [row.where for row in rows] == places


def test_a_guess_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(f"prompt,completion\n{CHINESE},{CHINESE}\n".encode("gb18030"))
    told: list[dict[str, Any]] = []
    context = evolve(recording(tmp_path), emit=lambda kind, **data: told.append(data))
    list(CsvSource(CsvOptions(path=str(path), encoding="auto")).examples(context))
    assert [data["note"] for data in told if "note" in data] == ["rows.csv is read as gb18030, a guess"]
