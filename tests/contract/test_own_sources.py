"""Further data sources that come with ftctl keep the contract of their port."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ftctl.testing.contracts import DataSourceContract
from tests.documents import HTML, docx, pdf


def _as_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def _as_parquet(path: Path, rows: Sequence[dict[str, str]]) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


class Tables(DataSourceContract, contract=True):
    """Questions and answers in columns."""

    write: Callable[[Path, Sequence[dict[str, str]]], None]

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        type(self).write(tmp_path / "table", [{"prompt": f"{n}?", "completion": f"{n} 你好\n é 😀"} for n in range(3)])
        return self.options(tmp_path / "table")

    @pytest.fixture
    def holding(self, tmp_path: Path) -> Callable[[Sequence[str]], dict[str, Any]]:
        def hold(texts: Sequence[str]) -> dict[str, Any]:
            type(self).write(tmp_path / "texts", [{"prompt": text, "completion": "x"} for text in texts])
            return self.options(tmp_path / "texts")

        return hold

    @pytest.fixture
    def absent(self, tmp_path: Path) -> dict[str, Any]:
        return self.options(tmp_path / "nothing")

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Callable[[], None]:
        return lambda: type(self).write(tmp_path / "table", [{"text": "another"}])

    def options(self, path: Path) -> dict[str, Any]:
        return {"path": str(path)}


class TestCsv(Tables):
    write = staticmethod(_as_csv)

    @pytest.fixture
    def offer(self) -> str:
        return "csv"

    def options(self, path: Path) -> dict[str, Any]:
        return {"path": str(path), "delimiter": ";"}


class TestParquet(Tables):
    write = staticmethod(_as_parquet)

    @pytest.fixture
    def offer(self) -> str:
        return "parquet"


class TestDocuments(DataSourceContract):
    @pytest.fixture
    def offer(self) -> str:
        return "documents"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        folder = tmp_path / "manuals"
        folder.mkdir()
        (folder / "a.pdf").write_bytes(pdf(["The first page.", "", "The third page."]))
        (folder / "b.docx").write_bytes(docx([("One", "The bell rings."), ("Two", "It is late.")]))
        (folder / "c.html").write_text(HTML.format("Bronze is melted and poured. " * 9, "It rests for days. " * 9))
        (folder / "d.md").write_text("# A\n\nfirst\n\n## B\n\nsecond\n")
        (folder / "ignored.png").write_bytes(b"\x89PNG")
        return {"path": str(folder)}

    @pytest.fixture
    def holding(self, tmp_path: Path) -> Callable[[Sequence[str]], dict[str, Any]] | None:
        return None  # line ends and spaces around a section are no part of it

    @pytest.fixture
    def absent(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": str(tmp_path / "nowhere")}

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Callable[[], None]:
        return lambda: (tmp_path / "manuals" / "d.md").write_text("# A\n\nother\n") and None


class TestHub(DataSourceContract):
    @pytest.fixture
    def offer(self) -> str:
        return "hub"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        folder = tmp_path / "phrases"
        (folder / "data").mkdir(parents=True)
        _as_parquet(folder / "data" / "train-00000-of-00001.parquet", [{"text": f"phrase {n}"} for n in range(4)])
        _as_parquet(folder / "data" / "test-00000-of-00001.parquet", [{"text": "not for training"}])
        return {"repo": str(folder)}

    @pytest.fixture
    def absent(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "empty").mkdir()
        return {"repo": str(tmp_path / "empty")}

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Callable[[], None]:
        place = tmp_path / "phrases" / "data" / "train-00000-of-00001.parquet"
        return lambda: _as_parquet(place, [{"text": "another"}])
