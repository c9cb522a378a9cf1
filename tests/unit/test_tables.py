"""Files of rows: every kind, every defect with its place, in bounded memory."""

import csv
import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from ftctl.domain.example import Example, Rejection
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.locations import place_of
from ftctl_adapters.records.tables import Placed, read_rows

ROWS = [{"text": "a"}, {"text": "é 你好\nzwei"}, {"text": "c"}]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def written(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(JSONL.encode()))
    elif name.endswith(".zst"):
        path.write_bytes(zstandard.compress(JSONL.encode()))
    elif ".jsonl" in name:
        path.write_text(JSONL, encoding="utf-8")
    elif name.endswith(".json"):
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["text"])
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.jsonl.zst", "d.json", "d.csv", "d.parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = list(read_rows(place_of(written(tmp_path, name))))
    assert [row[1] for row in rows if not isinstance(row, Rejection)] == ROWS


@pytest.mark.parametrize("first", ["sep=,", "Sep=,\r", '"sep=,"', ""])
def test_the_delimiter_that_a_first_line_declares_is_no_row(tmp_path: Path, first: str) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(f"{first}\nprompt,completion\na,b\n".encode())
    assert list(read_rows(place_of(path))) == [Placed("d.csv:3", {"prompt": "a", "completion": "b"})]


def reasons(path: Path) -> list[str]:
    return [f"{row.where}: {row.reason}" for row in read_rows(place_of(path)) if isinstance(row, Rejection)]


def test_all_bad_lines_are_found_with_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b'{"text":"ok"}\n\n{"text":"caf\xe9"}\n[1]\n{"a":1,"a":2}\n{"text":"ok"}\n{"text":"cut')
    assert reasons(path) == [
        "d.jsonl:3: byte 13: invalid UTF-8",
        "d.jsonl:4: a row must be an object, not list",
        "d.jsonl:5: duplicate key 'a'",
        "d.jsonl:7: byte 9: not JSON: Unterminated string starting at; file ends inside a record (truncated?)",
    ]


def test_a_last_line_without_newline_counts(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text":"a"}\n{"text":"b"}')
    assert len(list(read_rows(place_of(path)))) == 2


def test_a_byte_order_mark_changes_nothing_and_utf_16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + JSONL.encode())
    assert [row[1] for row in read_rows(place_of(path)) if not isinstance(row, Rejection)] == ROWS
    path.write_bytes(JSONL.encode("utf-16"))
    with pytest.raises(DataSourceError, match="UTF-16"):
        list(read_rows(place_of(path)))


def test_a_line_of_100_mb_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"text":"a"}\n{"text":"')
        for _ in range(100):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n{"text":"b"}\n')
    tracemalloc.start()
    rows = list(read_rows(place_of(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [isinstance(row, Rejection) for row in rows] == [False, True, False]
    assert peak < 64 << 20


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(300):
            stream.write(b" " * (1 << 20) + b"\n")
    with pytest.raises(DataSourceError, match="bomb"):
        list(read_rows(place_of(path)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl.gz", b"not gzip", "cannot be read"),
        ("d.jsonl.zst", b"not zstd", "cannot be unpacked"),
        ("d.json", b'{"a": 1} {"a"', "not JSON"),
        ("d.json", b'[{"a": 1} {"a": 2}]', "byte 11: not JSON: Expecting ',' delimiter"),
        ("d.csv", b"sep=;\na;b\n", "its first line declares the delimiter ';', not ','"),
        ("d.csv", b"prompt,completion\ra,b\rc,d\r", "its lines end with a carriage return alone"),
        ("d.csv", b"prompt;completion\na;b\n", "its only column is called 'prompt;completion', divided by ';'"),
        ("d.json", b"[1, 2", "not JSON"),
        ("d.csv", b"a,a\n1,2\n", "twice"),
        ("d.csv", b'a,b\n"1,2\n', "not CSV"),
        ("d.csv", b"a\ncaf\xe9\n", "invalid UTF-8"),
        ("d.parquet", b"PAR1 no", "not a readable Parquet"),
        ("d.xlsx", b"", "unknown kind of file"),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataSourceError, match=message):
        list(read_rows(place_of(path)))


def test_ragged_csv_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('prompt,completion\na,b\nc\n"multi\n\nline",d\ne,f,g\n')
    rows = list(read_rows(place_of(path)))
    assert [isinstance(row, Rejection) for row in rows] == [False, True, False, True]
    assert rows[2][:2] == ("d.csv:6", {"prompt": "multi\n\nline", "completion": "d"})


LAID_OUT = [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "{[d]}"}]
LINES = "\n".join(map(json.dumps, LAID_OUT))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.json", json.dumps(LAID_OUT)),
        ("d.json", json.dumps(LAID_OUT, indent=2)),
        ("d.json", LINES),
        ("d.json", "\n".join(json.dumps(row, indent=1) for row in LAID_OUT)),
        ("d.json", json.dumps({"version": "1", "data": LAID_OUT})),
        ("d.jsonl", LINES),
        ("d.jsonl", "\n".join(json.dumps(row, indent=1) for row in LAID_OUT) + "\n"),
        ("d.tsv", "prompt\tcompletion\na\tb\nc\t{[d]}\n"),
    ],
)
def test_rows_are_read_in_whatever_layout_they_stand(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert [row[1] for row in read_rows(place_of(tmp_path / name))] == LAID_OUT


def test_one_object_is_one_row(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a"}], "data": "x"}
    (tmp_path / "d.json").write_text(json.dumps(row, indent=1))
    assert [found[1] for found in read_rows(place_of(tmp_path / "d.json"))] == [row]


def test_a_bad_row_of_an_array_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('[{"text": "$\\frac{1}{2}$"}, {"text": "ok"}, 3, {"a": 1, "a": 2}, {"x": NaN}]')
    found = list(read_rows(place_of(tmp_path / "d.json")))
    assert [row.where for row in found] == [f"d.json:row {number}" for number in range(1, 6)]
    assert found[1].values == {"text": "ok"}  # type: ignore[union-attr]
    reasons_told = [row.reason for row in found if isinstance(row, Rejection)]
    assert [reason[:20] for reason in reasons_told] == [
        "control character U+",
        "a row must be an obj",
        "duplicate key 'a'",
        "NaN is not JSON",
    ]


def test_a_long_line_in_an_array_loses_nothing(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "x" * (9 << 20)}, {"text": "b"}]
    (tmp_path / "d.json").write_text("[" + ",\n".join(map(json.dumps, rows)) + "]")
    assert [row[1] for row in read_rows(place_of(tmp_path / "d.json")) if not isinstance(row, Rejection)] == rows


def test_cells_of_a_table_become_json_and_matter_only_if_they_are_used(tmp_path: Path) -> None:
    import datetime
    import decimal

    import pyarrow
    import pyarrow.parquet

    good = {"text": "a", "day": datetime.date(2026, 1, 2), "price": decimal.Decimal("1.50"), "group": None}
    tables = {"good": [good], "nan": [{"text": "a", "x": float("nan")}], "bytes": [{"text": "a", "x": b"b"}]}
    for name, rows in tables.items():
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    found = {name: next(iter(read_rows(place_of(tmp_path / f"{name}.parquet")))) for name in tables}
    assert found["good"][:2] == ("good.parquet:row 1", {"text": "a", "day": "2026-01-02", "price": "1.50"})
    reader = ExampleReader()
    for name in ("nan", "bytes"):
        assert isinstance(found[name], Placed)
        (read,) = reader.read([found[name]])
        assert isinstance(read, Example)
        assert (read.text, read.metadata) == ("a", {})
    assert reader.keys["unreadable"] == {"x": 2}
    (tmp_path / "d.csv").write_bytes(b"text\na\x1bb\n")
    (refused,) = ExampleReader().read(read_rows(place_of(tmp_path / "d.csv")))
    assert isinstance(refused, Rejection)
    assert refused.reason == "text: control character U+001B"


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for name in ("d.jsonl", "d.json", "d.csv"):
        (tmp_path / name).write_bytes(b"")
        assert list(read_rows(place_of(tmp_path / name))) == []


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_line_is_told_with_the_byte_at_which_it_begins(tmp_path: Path, mark: bytes) -> None:
    content = mark + '{"text": "é"}\r\n\n{broken\n{"text": "last"}'.encode()
    (tmp_path / "rows.jsonl").write_bytes(content)
    rows = list(read_rows(place_of(tmp_path / "rows.jsonl")))
    starts = [content.index(start) for start in ('{"text": "é'.encode(), b"{broken", b'{"text": "l')]
    assert [row.byte for row in rows] == starts


@pytest.mark.parametrize("name", ["d.jsonl.gz", "d.jsonl.zst"])
def test_rows_before_the_end_of_a_packed_file_that_was_cut_are_kept(tmp_path: Path, name: str) -> None:
    lines = [json.dumps({"text": f"{number} {random.Random(number).getrandbits(4000)}"}) for number in range(3000)]
    content = "\n".join(lines).encode()
    packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else zstandard.compress(content)
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    *rows, last = read_rows(place_of(tmp_path / name))
    assert len(rows) > 1000
    assert [row[1] for row in rows] == [json.loads(line) for line in lines[: len(rows)]]
    assert isinstance(last, Rejection)
    assert (last.where, "truncated" in last.reason) == (f"{name}:{len(rows) + 1}", True)


def test_frames_of_zstandard_may_follow_one_another(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.zst"
    path.write_bytes(b"".join(zstandard.compress(json.dumps(row).encode() + b"\n") for row in ROWS))
    assert [row[1] for row in read_rows(place_of(path))] == ROWS


def test_a_bomb_of_zstandard_is_noticed_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.zst"
    compressor = zstandard.ZstdCompressor().compressobj()
    with path.open("wb") as stream:
        for _ in range(1024):
            stream.write(compressor.compress(b" " * (1 << 20)))
        stream.write(compressor.flush())
    tracemalloc.start()
    with pytest.raises(DataSourceError, match="bomb"):
        list(read_rows(place_of(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400 << 20


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(DataSourceError, match="stands twice"):
        list(read_rows(place_of(tmp_path / "d.parquet")))
