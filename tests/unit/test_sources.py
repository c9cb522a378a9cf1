"""Where rows come from: patterns, stores, documents, the hub's layout; the same row is the same wherever it was."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from attrs import evolve

from ftctl.application.dataset.mixed import IN_TURN, MixedSource, Mixing
from ftctl.domain.example import Example, Rejection
from ftctl.domain.interleave import FIRST
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource, DataSourceError
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry
from ftctl_plugins.data_sources.jsonl import JsonlOptions, JsonlSource
from tests.documents import HTML, bomb, docx, locked_pdf, pdf

TURNS = [{"role": "user", "content": "Wie geht's, 世界?"}, {"role": "assistant", "content": "Gut,\n“danke”; 1,5"}]
ASKED, ANSWER = (turn["content"] for turn in TURNS)
EXTRA = {"topic": "talk"}


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7)


def source(name: str, **values: Any) -> DataSource:
    made: DataSource = make(build_registry().find("data_source", name), values)  # type: ignore[arg-type]
    return made


def told(name: str, context: StageContext, **values: Any) -> list[Example | Rejection]:
    return list(source(name, **values).examples(context))


def jsonl(path: Path, *rows: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_same_row_is_the_same_from_everywhere(tmp_path: Path, context: StageContext) -> None:
    import pyarrow
    import pyarrow.parquet

    pair, other = {"prompt": ASKED, "completion": ANSWER, **EXTRA}, {"q": ASKED, "a": ANSWER, **EXTRA}
    said = [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWER}]
    forms = [{"messages": TURNS, **EXTRA}, {"conversations": said, **EXTRA}, pair,
             {"instruction": ASKED, "input": "", "output": ANSWER, **EXTRA}]  # fmt: skip
    found = [told("jsonl", context, path=jsonl(tmp_path / f"{n}.jsonl", form))[0] for n, form in enumerate(forms)]
    names = {"prompt": "q", "completion": "a"}
    found += told("jsonl", context, path=jsonl(tmp_path / "names.jsonl", other), names=names)
    (tmp_path / "rows.json").write_text(json.dumps([pair]))
    found += told("jsonl", context, path=str(tmp_path / "rows.json"))
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(other))
        writer.writeheader()
        writer.writerow(other)
    found += told("csv", context, path=str(tmp_path / "rows.csv"), names=names)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"messages": TURNS, **EXTRA}]), tmp_path / "rows.parquet")
    found += told("parquet", context, path=str(tmp_path / "rows.parquet"))
    (tmp_path / "hub").mkdir()
    found += told("hub", context, repo=str(Path(jsonl(tmp_path / "hub" / "train.jsonl", pair)).parent))
    assert len(found) == 9
    first = found[0]
    assert isinstance(first, Example)
    assert first.metadata == EXTRA
    for one in found:
        assert isinstance(one, Example), one
        assert evolve(one, where=first.where) == first
        assert one.content_digest == first.content_digest


def test_a_pattern_reads_all_its_files_in_the_order_of_their_names(tmp_path: Path, context: StageContext) -> None:
    lines = [json.dumps({"text": f"row {n}"}).encode() for n in range(4)]
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    (tmp_path / "raw" / "b.jsonl.gz").write_bytes(gzip.compress(lines[1]))
    (tmp_path / "raw" / "a.jsonl").write_bytes(lines[0])
    (tmp_path / "raw" / "c.jsonl.zst").write_bytes(zstandard.compress(lines[2]))
    (tmp_path / "raw" / "deep" / "d.jsonl").write_bytes(lines[3])
    (tmp_path / "raw" / "notes.txt").write_text("not a row")
    for path, places in {
        "raw": ["a.jsonl:1", "b.jsonl.gz:1", "c.jsonl.zst:1", "deep/d.jsonl:1"],
        "raw/*.jsonl*": ["a.jsonl:1", "b.jsonl.gz:1", "c.jsonl.zst:1"],
        "raw/**/*.jsonl": ["a.jsonl:1", "deep/d.jsonl:1"],
    }.items():
        assert [row.where for row in told("jsonl", context, path=str(tmp_path / path))] == places


def test_where_a_file_lies_makes_no_difference_and_a_byte_does(tmp_path: Path) -> None:
    here, there = (jsonl(tmp_path / name / "rows.jsonl", {"text": "a"}) for name in ("here", "there"))
    assert source("jsonl", path=here).fingerprint() == source("jsonl", path=there).fingerprint()
    jsonl(Path(there), {"text": "b"})
    assert source("jsonl", path=here).fingerprint() != source("jsonl", path=there).fingerprint()


def test_a_name_that_is_not_there_ends_the_reading_with_the_one_that_was_meant(
    tmp_path: Path, context: StageContext
) -> None:
    path = jsonl(tmp_path / "rows.jsonl", {"question": "a", "answer": "b"}, {"question": "a"})
    with pytest.raises(
        DataSourceError, match=r"no field 'quesion'; did you mean 'question'\?; there are: question, ans"
    ):
        told("jsonl", context, path=path, names={"prompt": "quesion", "completion": "answer"})
    rows = told("jsonl", context, path=path, names={"prompt": "question", "completion": "answer"})
    assert [type(row) for row in rows] == [Example, Rejection]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"path": "http://example.org/rows.jsonl"}, "cannot read http://"),
        ({"path": "file:///etc/passwd"}, "cannot read file://"),
        ({"path": "none/*.jsonl"}, "nothing is so called"),
        ({"path": "s3://x/y.jsonl", "storage_env": "NOT_SET"}, "NOT_SET is not set"),
    ],
)
def test_what_cannot_be_read_is_one_line(values: dict[str, Any], said: str, context: StageContext) -> None:
    with pytest.raises(DataSourceError, match=said):
        told("jsonl", context, **values)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server on the loopback, with one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"key": "planted-key", "secret": "planted-secret"}
    options = {**keys, "client_kwargs": {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}}
    monkeypatch.setenv("STORE", json.dumps(options))
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
                          aws_access_key_id=keys["key"], aws_secret_access_key=keys["secret"])  # fmt: skip
    client.create_bucket(Bucket="rows")
    yield client
    server.stop()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_an_object_store_is_read_as_a_folder_is(bucket: Any, context: StageContext) -> None:
    rows = [json.dumps({"text": f"row {n}"}).encode() for n in range(3)]
    bucket.put_object(Bucket="rows", Key="raw/a.jsonl", Body=b"\n".join(rows[:2]))
    bucket.put_object(Bucket="rows", Key="raw/b.jsonl.gz", Body=gzip.compress(rows[2]))
    for path in ("s3://rows/raw", "s3://rows/raw/*.jsonl*"):
        found = told("jsonl", context, path=path, storage_env="STORE")
        assert [row.where for row in found] == ["a.jsonl:1", "a.jsonl:2", "b.jsonl.gz:1"]
    one = source("jsonl", path="s3://rows/raw/a.jsonl", storage_env="STORE")
    before = one.fingerprint()
    assert before == one.fingerprint()
    bucket.put_object(Bucket="rows", Key="raw/a.jsonl", Body=rows[2])
    assert source("jsonl", path="s3://rows/raw/a.jsonl", storage_env="STORE").fingerprint() != before
    with pytest.raises(DataSourceError, match="no such file") as caught:
        told("jsonl", context, path="s3://rows/nothing.jsonl", storage_env="STORE")
    assert "planted" not in str(caught.value)


def test_documents_become_sections_with_their_places(tmp_path: Path, context: StageContext) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["Bells are cast\nin pits of clay.", "", "The third page."]))
    (tmp_path / "b.docx").write_bytes(docx([("One", "The bell rings."), ("Two", "It is late.")]))
    (tmp_path / "c.html").write_text(HTML.format("Bronze is melted and poured. " * 9, "It rests for days. " * 9))
    (tmp_path / "d.md").write_text("intro\n\n# A\n\nfirst\n\n```\n# no heading\n```\n\n# B\n## C\n\nsecond\n")
    (tmp_path / "e.txt").write_bytes(b"\xef\xbb\xbfplain\r\ntext\r\n")
    rows = told("documents", context, path=str(tmp_path / "*.*"))
    texts = {row.where: row.text for row in rows if isinstance(row, Example)}
    assert texts["a.pdf:page 1"] == "Bells are cast\nin pits of clay."
    assert texts["b.docx:section 2"].startswith("Two\n\n")
    assert "left | right" in texts["b.docx:section 2"]
    assert texts["d.md:section 1"] == "intro"
    assert texts["d.md:section 2"] == "A\n\nfirst\n\n```\n# no heading\n```"
    assert texts["d.md:section 3"] == "B\n\nC\n\nsecond"
    assert texts["e.txt:section 1"] == "plain\ntext"
    html = " ".join(text for where, text in texts.items() if where.startswith("c.html"))
    assert "Bronze is melted" in html
    assert "Cooling" in html
    assert "Shop" not in html
    assert {row.group for row in rows if isinstance(row, Example)} == {"a.pdf", "b.docx", "c.html", "d.md", "e.txt"}
    assert [(row.where, row.reason) for row in rows if isinstance(row, Rejection)] == [
        ("a.pdf:page 2", "no_text_layer: a picture, or empty")
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", locked_pdf("secret page"), "encrypted"),
        ("a.pdf", pdf(["page"])[:-200], "truncated_file"),
        ("a.pdf", b"no PDF at all %%EOF", "not_readable"),
        ("a.docx", bomb(), "too_large"),
        ("a.docx", docx([("One", "text")])[:-900], "truncated_file"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        ("a.md", b"caf\xe9", "bad_utf8: byte 4"),
        ("a.html", b"<html></html>", "empty"),
        ("a.txt", b" \n", "empty"),
    ],
)
def test_a_document_that_cannot_be_read_says_why(
    name: str, content: bytes, reason: str, tmp_path: Path, context: StageContext
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "z.txt").write_text("its neighbour")
    broken, good = told("documents", context, path=str(tmp_path / "*.*"))
    assert isinstance(broken, Rejection)
    assert broken.reason.startswith(reason), broken.reason
    assert isinstance(good, Example)


def test_half_a_pair_in_a_page_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: StageContext
) -> None:
    import pypdf

    (tmp_path / "a.pdf").write_bytes(pdf(["page"]))
    monkeypatch.setattr(pypdf.PageObject, "extract_text", lambda page: "x\ud835 \ud83d\ude00\x01y")
    (row,) = told("documents", context, path=str(tmp_path / "a.pdf"))
    assert isinstance(row, Example)
    assert row.text == "x\ufffd 😀y"


def test_what_is_hidden_in_a_folder_is_not_read(tmp_path: Path, context: StageContext) -> None:
    jsonl(tmp_path / "data" / ".cache" / "old.jsonl", {"text": "old"})
    jsonl(tmp_path / "data" / "new.jsonl", {"text": "new"})
    assert [row.where for row in told("jsonl", context, path=str(tmp_path / "data"))] == ["new.jsonl:1"]


def test_a_field_and_what_is_mapped_to_it_are_not_guessed_between(tmp_path: Path, context: StageContext) -> None:
    path = jsonl(tmp_path / "rows.jsonl", {"question": "Q", "prompt": "OTHER", "completion": "A"})
    (row,) = told("jsonl", context, path=path, names={"prompt": "question"})
    assert isinstance(row, Rejection)
    with pytest.raises(DataSourceError, match="did you mean 'prompt'"):
        told("jsonl", context, path=path, names={"promt": "question"})


CARD = """---
configs:
- config_name: talk
  data_files:
  - {split: train, path: "talk/*.jsonl"}
  - {split: test, path: talk/held-out/rows.jsonl}
- config_name: other
  data_files: other.jsonl
---
# A card
"""


def test_the_hubs_layout_says_which_files_are_a_split(tmp_path: Path, context: StageContext) -> None:
    jsonl(tmp_path / "talk" / "one.jsonl", {"text": "one"})
    jsonl(tmp_path / "talk" / "held-out" / "rows.jsonl", {"text": "held out"})
    jsonl(tmp_path / "other.jsonl", {"text": "other"})
    (tmp_path / "README.md").write_text(CARD)

    def texts(**values: Any) -> list[str]:
        found = told("hub", context, repo=str(tmp_path), **values)
        return [row.text for row in found if isinstance(row, Example)]

    assert texts(split_name="test") == ["held out"]
    assert texts(config="other") == ["other"]
    with pytest.raises(DataSourceError, match="no config 'none'; there are: talk, other"):
        texts(config="none")
    with pytest.raises(DataSourceError, match="no split 'dev'; it has train, test"):
        texts(split_name="dev")
    (tmp_path / "README.md").unlink()
    with pytest.raises(DataSourceError, match="no file of the split 'dev'"):
        texts(split_name="dev")


def test_the_hubs_cache_is_enough_offline(tmp_path: Path, context: StageContext, monkeypatch: Any) -> None:
    import huggingface_hub.constants as constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "datasets--org--phrases"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    jsonl(repo / "snapshots" / commit / "train.jsonl", {"text": "kept here"})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True, raising=False)
    (row,) = told("hub", context, repo="org/phrases")
    assert isinstance(row, Example)
    assert row.text == "kept here"
    with pytest.raises(
        DataSourceError, match="org/others is not in the cache, and HF_HUB_OFFLINE is set; the cache has org/phrases"
    ):
        told("hub", context, repo="org/others")


def test_several_sources_are_one(tmp_path: Path, context: StageContext) -> None:
    texts = [[{"text": f"{name} {n}"} for n in range(count)] for name, count in (("a", 90), ("b", 30))]
    paths = [jsonl(tmp_path / f"{n}" / "rows.jsonl", *rows) for n, rows in enumerate(texts)]
    two = [("jsonl", source("jsonl", path=path)) for path in paths]
    rows = list(MixedSource(two, IN_TURN).examples(context))
    assert [row.where for row in rows[88:92]] == ["jsonl-1:rows.jsonl:89", "jsonl-1:rows.jsonl:90",
                                                  "jsonl-2:rows.jsonl:1", "jsonl-2:rows.jsonl:2"]  # fmt: skip
    mixing = Mixing(probabilities=(0.5, 0.5), stopping_strategy=FIRST)
    mixed = MixedSource(two, mixing)
    drawn = [row.text[0] for row in mixed.examples(context) if isinstance(row, Example)]
    assert drawn.count("b") == 30
    assert 15 < drawn.count("a") < 60
    before = mixed.fingerprint()
    jsonl(tmp_path / "1" / "rows.jsonl", {"text": "another"})
    assert mixed.fingerprint() != before


BODY = """<h1>Pump</h1><p>Set PUMP_MODE to 3*x, then read [this] for a while, since it is a text of some length.</p>
<h2>Alarms</h2><p>Press the red key in C:\\temp and wait for a long time until the light goes out again.</p>
<ul><li>one_two</li><li>three</li></ul><table><tr><th>k</th></tr><tr><td>a_b</td></tr></table>"""


@pytest.mark.parametrize(
    "page",
    ["<body><article>{}</article></body>", "<body>{}</body>", "<body><nav>Shop</nav>{}<footer>Imprint</footer></body>"],
)
def test_a_page_keeps_its_signs_headings_lists_and_tables(tmp_path: Path, context: StageContext, page: str) -> None:
    (tmp_path / "a.html").write_text(f"<html>{page.format(BODY)}</html>")
    first, second = told("documents", context, path=str(tmp_path / "a.html"))
    assert (first.text.split("\n")[0], second.text.split("\n")[0]) == ("Pump", "Alarms")
    assert "Set PUMP_MODE to 3*x, then read [this]" in first.text
    assert "C:\\temp" in second.text
    assert "one_two" in second.text
    assert "a_b" in second.text
    assert "\\_" not in first.text + second.text
    assert "Shop" not in first.text + second.text
    assert "Imprint" not in first.text + second.text


def test_a_key_to_leave_out_that_no_row_has_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a?", "completion": "b", "label": true}')
    told: list[str] = []

    def hear(kind: str, **data: object) -> None:
        told.extend([str(data["message"])] if "message" in data else [])

    context = evolve(recording(tmp_path), emit=hear)
    source = JsonlSource(JsonlOptions(path=str(tmp_path / "rows.jsonl"), ignore_keys=("label", "lable")))
    assert len(list(source.examples(context))) == 1
    assert told == ["data_source.ignore_keys: no row has the key 'lable'"]
