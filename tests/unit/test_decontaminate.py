"""Rows that an evaluation set has are found, and rows that only resemble it are not."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import Dropped
from ftctl.errors import DataError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry

WORDS = [f"w{number}" for number in range(4000)]
CHARACTERS = [chr(number) for number in range(0x4E00, 0x5E00)]
SENTENCE = "Which of the rivers that flow into the inland sea is the longest, and where does it rise?"


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7, memory_bytes=1 << 24)


def operator(*against: str, **values: Any) -> RowOperator:
    found: DataOperator = make(build_registry().find("data_operator", "decontaminate"),  # type: ignore[arg-type]
                               {"against": list(against), **values})  # fmt: skip
    assert isinstance(found, RowOperator)
    return found


def written(path: Path, *texts: str) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(path)


def reasons(found: Any) -> list[str]:
    return [one.reason if isinstance(one, Dropped) else "" for one in found]


def test_planted_copies_are_found_and_rows_that_share_twelve_words_are_not(
    tmp_path: Path, context: StageContext
) -> None:
    draw = random.Random(1)
    for words, space in ((WORDS, " "), (CHARACTERS, "")):
        items = [draw.choices(words, k=40) for _ in range(100)]
        path = written(tmp_path / "exam.jsonl", *(space.join(item) for item in items))
        rows, expected = [], []
        for number, item in enumerate(items):
            shared = 13 if number % 2 else 12
            start = draw.randrange(40 - shared)
            others = draw.choices(words, k=60)
            rows.append(
                Example(f"r:{number}", text=space.join([*others[:30], *item[start : start + shared], *others[30:]]))
            )
            expected.append(f"1 runs of 13 tokens are in exam.jsonl:{number + 1}" if shared == 13 else "")
        assert reasons(operator(path).process(rows, context)) == expected


def test_case_punctuation_spaces_and_turns_make_no_difference(tmp_path: Path, context: StageContext) -> None:
    path = written(tmp_path / "exam.jsonl", SENTENCE, "湖边的老人每天早上都在同一个地方钓鱼直到太阳升起", "Yes, sir.")
    words = SENTENCE.split()
    rows = [
        Example("r:1", text=f"They asked: «{SENTENCE.upper()}»"),
        Example("r:2", text="   ".join(words).replace(",", " –")),
        Example("r:3", (Message("user", " ".join(words[:9])), Message("assistant", " ".join(words[9:])))),
        Example("r:4", text="他说:湖边的老人,每天早上都在同一个地方钓鱼。后来天黑了"),
        Example("r:5", text="yes sir"),
        Example("r:6", text="Yes, sir, I will."),
        Example("r:7", text=" ".join(words[:12])),
    ]
    found = reasons(operator(path).process(rows, context))
    assert [bool(reason) for reason in found] == [True, True, True, True, True, False, False]
    assert all("exam.jsonl:1" in reason for reason in found[:3])
    assert "exam.jsonl:2" in found[3]


def test_a_chinese_item_is_found_inside_of_english(tmp_path: Path, context: StageContext) -> None:
    item = "今天天气很好我们去公园散步吧然后再去吃午饭"
    path = written(tmp_path / "exam.jsonl", item)
    told = "Please translate the following sentence into plain English, and tell me how you did that: "
    rows = [
        Example("r:1", text=f"{told}今天天气很好我们去公园散步吧然后再去吃午饭"),
        Example("r:2", text=f"{told}今天天气很好"),
    ]
    assert [bool(reason) for reason in reasons(operator(path).process(rows, context))] == [True, False]


def test_shorter_runs_and_more_hits_can_be_asked_for(tmp_path: Path, context: StageContext) -> None:
    path = written(tmp_path / "exam.jsonl", SENTENCE)
    row = Example("r:1", text=" ".join(SENTENCE.split()[:7]))
    assert reasons(operator(path, ngram=5).process([row], context)) == ["3 runs of 5 tokens are in exam.jsonl:1"]
    assert reasons(operator(path, ngram=5, min_hits=4).process([row], context)) == [""]


def test_what_it_reads_is_what_it_is_known_by(tmp_path: Path) -> None:
    one = operator(written(tmp_path / "exam.jsonl", SENTENCE)).fingerprint()
    assert operator(str(tmp_path / "exam.jsonl")).fingerprint() == one
    assert operator(written(tmp_path / "exam.jsonl", SENTENCE, "more")).fingerprint() != one


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        ("", "have no words"),
        ('{"text": "…"}', "have no words"),
        ("{broken", "exam.jsonl:1: byte 2: not JSON"),
    ],
)
def test_an_evaluation_set_that_is_none_is_an_error(
    content: str | None, said: str, tmp_path: Path, context: StageContext
) -> None:
    if content is not None:
        (tmp_path / "exam.jsonl").write_text(content)
    with pytest.raises(DataError, match=said):
        operator(str(tmp_path / "exam.jsonl")).process([Example("r:1", text="x")], context)
