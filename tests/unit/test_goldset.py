"""A gold set: drawn by strata from what was asked, answered by people, and a test split afterwards."""

import csv
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import Dropped
from ftctl.errors import DataError
from ftctl.ports.context import StageContext
from ftctl.testing.contracts.data_operator import judged
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.records.gold import csv_form, html_form, item_of
from ftctl_plugins.data_operators.goldset import _drawn
from tests.unit.test_data_operators import operator

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
TOPICS = {
    "weather": ["rain", "storm", "cloud", "sunny", "snow", "forecast", "wind", "degrees"],
    "cooking": ["flour", "butter", "oven", "recipe", "onion", "boil", "garlic", "spoon"],
    "travel": ["train", "ticket", "hotel", "passport", "flight", "luggage", "station", "visa"],
}


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path, data_seed=7, memory_bytes=1 << 24)


def asked(kind: str, number: int, words: int = 8) -> Example:
    draw = random.Random(f"{kind} {number}")
    text = " ".join(draw.choices(TOPICS[kind], k=words)) + f" {draw.randrange(10**6)}?"
    return Example(f"log:{kind}-{number}", (Message("user", text), Message("assistant", "I do not know.")),
                   metadata={"kind": kind})  # fmt: skip


def kept(outcomes: Sequence[Any]) -> list[Example]:
    return [one for one in outcomes if isinstance(one, Example)]


def drawn(rows: Sequence[Example], context: StageContext, **values: Any) -> list[Example]:
    fates = judged(operator("goldset", **{"threshold": 1.0, **values}), rows, context)
    return [row for row, fate in zip(rows, fates, strict=True) if not fate.state]


def test_each_kind_has_its_share_and_at_least_one(context: StageContext) -> None:
    rows = [asked("weather", n) for n in range(150)] + [asked("cooking", n) for n in range(48)] + [asked("travel", 1)]
    found = drawn(rows, context, count=20, by=["kind"])
    assert Counter(row.metadata["kind"] for row in found) == {"weather": 14, "cooking": 5, "travel": 1}
    again = drawn(rows, context, count=20, by=["kind"])
    assert again == found
    other = drawn(rows, context, count=20, by=["kind"], seed=2)
    assert other != found


def test_clusters_of_words_stand_for_what_is_asked_about(context: StageContext) -> None:
    rows = [asked("weather", n, 20) for n in range(280)] + [asked("cooking", n, 20) for n in range(10)]
    rows += [asked("travel", n, 20) for n in range(10)]
    random.Random(1).shuffle(rows)
    found = drawn(rows, context, count=6, by=["cluster"], clusters=6)
    assert set(TOPICS) == {row.metadata["kind"] for row in found}, "by chance alone, two of three runs miss one"


def test_short_and_long_questions_are_drawn_alike(context: StageContext) -> None:
    rows = [asked("weather", n, 3 + 4 * (n % 4)) for n in range(200)]
    found = drawn(rows, context, count=40, by=["length"])
    lengths = Counter(len(row.messages[0].content.split()) for row in found)
    assert sorted(lengths) == [4, 8, 12, 16]
    assert max(lengths.values()) - min(lengths.values()) <= 2


def test_what_training_nearly_has_is_left_out_and_told(context: StageContext, tmp_path: Path) -> None:
    rows = [asked("cooking", n, 16) for n in range(30)]
    line = {"messages": [{"role": "user", "content": rows[3].messages[0].content + " please"},
                         {"role": "assistant", "content": "Quite another answer, of many other words."}]}  # fmt: skip
    train = tmp_path / "train.jsonl"
    train.write_text(json.dumps(line) + "\n")
    copy = Example("log:copy", (Message("user", rows[5].messages[0].content.upper()), Message("assistant", "?")))
    outcomes = judged(operator("goldset", count=99, by=[], against=[str(train)]), [*rows, copy], context)
    assert (outcomes[3].state, outcomes[-1].state) == ("contaminated", "duplicate")
    assert "train.jsonl:1" in outcomes[3].reason
    assert sum(not one.state for one in outcomes) == len(rows) - 1
    told = [data.get("message", data.get("note", "")) for _, data in context.settings["events"]]
    assert any("1 are nearly in training" in text for text in told)
    assert any("29 rows can be drawn, 99 were asked for" in text for text in told)


def test_files_of_training_are_part_of_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n')
    before = operator("goldset", against=[str(path)]).fingerprint()
    path.write_text(path.read_text() * 2)
    assert operator("goldset", against=[str(path)]).fingerprint() != before


@pytest.mark.parametrize(
    ("sizes", "count"), [((5, 5, 5), 7), ((100, 1, 1), 10), ((3,), 10), ((1,) * 20, 5), ((9, 1), 9)]
)
def test_as_many_are_drawn_as_were_asked_for(sizes: tuple[int, ...], count: int) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    places = _drawn(strata, count, 1)
    assert len(set(places.tolist())) == len(places) == min(count, sum(sizes))
    if count >= len(sizes):
        assert set(strata[places].tolist()) == set(range(len(sizes)))


def filled(path: Path, rows: Sequence[Example], texts: dict[int, str]) -> str:
    path.write_text(csv_form(iter(rows)), encoding="utf-8")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        table = list(csv.DictReader(lines))
    assert [line["item"] for line in table] == [item_of(row) for row in rows]
    for number, text in texts.items():
        table[number]["expected"] = text
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(table[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(table)
    return str(path)


def test_what_people_wrote_is_expected_afterwards(context: StageContext, tmp_path: Path) -> None:
    rows = [asked("travel", n) for n in range(4)]
    anna = filled(tmp_path / "anna.csv", rows, {0: "By train.", 1: "At  noon", 2: "Never"})
    ben = filled(tmp_path / "ben.csv", rows, {1: "At noon", 2: "Always"})
    moved = [Example("elsewhere:9", rows[0].messages, metadata={"kind": "travel"}), *rows[1:]]
    outcomes = judged(operator("gold-answers", files=[anna, ben]), moved, context)
    first, second = kept(outcomes)
    assert (first.answer, second.answer) == ("By train.", "At  noon")
    assert first.metadata["split"] == "test"
    assert [one["by"] for one in second.metadata["annotations"]] == ["anna", "ben"]
    assert [one.reason for one in outcomes if isinstance(one, Dropped)] == ["2 annotators wrote 2 answers",
                                                                           "nobody answered it"]  # fmt: skip
    by_first = kept(judged(operator("gold-answers", files=[anna, ben], on_difference="first"), rows, context))
    assert [row.answer for row in by_first] == ["By train.", "At  noon", "Never"]


def test_a_file_that_is_no_form_is_one_line(context: StageContext, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"other.csv: needs the columns `item` and `expected`"):
        judged(operator("gold-answers", files=[str(path)]), [asked("travel", 1)], context)
    with pytest.raises(DataError, match="No such file"):
        operator("gold-answers", files=[str(tmp_path / "gone.csv")]).fingerprint()


def test_the_page_asks_for_every_row_and_runs_nothing_of_it() -> None:
    rows = [
        asked("travel", 1),
        Example("x:1", (Message("user", "<script>alert(1)</script>"), Message("assistant", "&"))),
    ]
    page = html_form(iter(rows))
    assert page.count("<textarea") == len(rows)
    assert all(item_of(row) in page for row in rows)
    assert "<script>alert(1)" not in page


def test_a_system_prompt_that_all_rows_have_makes_them_no_twins(context: StageContext) -> None:
    system = Message("system", " ".join(f"rule{n}" for n in range(60)))
    rows = [asked("weather", n, 12) for n in range(50)]
    rows = [evolve(row, messages=(system, *row.messages)) for row in rows]
    assert len(drawn(rows, context, count=50, by=[], threshold=0.5)) == 50


@pytest.mark.parametrize("by", [[], ["length", "cluster"]])
def test_where_training_has_everything_nothing_is_drawn(context: StageContext, tmp_path: Path, by: list[str]) -> None:
    rows = [asked("weather", n, 12) for n in range(3)]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row.to_row()) + "\n" for row in rows))
    assert not drawn(rows, context, by=by, against=[str(path)])


def test_of_equal_strata_chance_takes_one(context: StageContext) -> None:
    rows = [asked("weather", n, 3 + 4 * (n % 4)) for n in range(80)]
    taken = {len(row.messages[0].content.split()) for seed in range(20)
             for row in drawn(rows, context, count=2, by=["length"], seed=seed)}  # fmt: skip
    assert taken == {4, 8, 12, 16}


def test_a_key_that_no_row_has_is_told(context: StageContext) -> None:
    drawn([asked("weather", n) for n in range(9)], context, by=["clusters"])
    told = [data.get("message", "") for _, data in context.settings["events"]]
    assert any("no row has clusters in its metadata" in text for text in told)


def test_forms_of_one_name_are_two_annotators_and_what_is_left_open_takes_nothing_away(
    context: StageContext, tmp_path: Path
) -> None:
    row = asked("travel", 1)
    item = item_of(row)
    assert item[0].isalpha(), "a spreadsheet takes it for no number"
    for who, text in {"a": f"item,expected\n{item},one\n{item},\n", "b": f"item,expected\n{item},two\n"}.items():
        (tmp_path / who).mkdir()
        (tmp_path / who / "answers.csv").write_text(text)
    files = [str(tmp_path / who / "answers.csv") for who in "ab"]
    (dropped,) = judged(operator("gold-answers", files=files), [row], context)
    assert dropped.reason == "2 annotators wrote 2 answers"
    (kept_row,) = kept(judged(operator("gold-answers", files=files[:1]), [row], context))
    assert kept_row.answer == "one"
    renamed = tmp_path / "a" / "zoe.csv"
    before = operator("gold-answers", files=files[:1]).fingerprint()
    (tmp_path / "a" / "answers.csv").rename(renamed)
    assert operator("gold-answers", files=[str(renamed)]).fingerprint() != before


def test_two_answers_of_one_annotator_to_one_question_are_a_mistake(context: StageContext, tmp_path: Path) -> None:
    row = asked("travel", 1)
    path = tmp_path / "a.csv"
    path.write_text(f"item,expected\n{item_of(row)},one\n{item_of(row)},two\n")
    with pytest.raises(DataError, match=r"a.csv:3: q\w+ was answered before, otherwise"):
        judged(operator("gold-answers", files=[str(path)]), [row], context)


def test_rows_without_a_users_turn_are_told_apart_by_what_they_have(context: StageContext) -> None:
    rows = [Example(f"r:{n}", (Message("system", f"You are number {n} of a long list of {n} things {n}"),
                               Message("assistant", "Yes."))) for n in range(1000, 1010)]  # fmt: skip
    assert len(drawn(rows, context, count=10, by=[], threshold=0.9)) == 10


def test_a_question_that_stands_twice_is_asked_once() -> None:
    rows = [asked("travel", 1), evolve(asked("travel", 1), where="log:again")]
    assert csv_form(iter(rows)).count(item_of(rows[0])) == 1
