"""Splits, duplicates, ledger: every row accounted for."""

import contextlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ftctl.application.dataset import build_dataset
from ftctl.domain.example import Example, Message, Rejection
from ftctl.domain.split import SPLITS, SplitShares
from ftctl.errors import NoUsableRows, RowsInvalid
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource
from ftctl.testing.fakes.data_source import FakeDataSource, FakeDataSourceOptions


class Listed(DataSource):
    def __init__(self, rows: list[Example | Rejection]) -> None:
        self.rows = rows

    def fingerprint(self) -> str:
        return "listed"

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        return iter(self.rows)


def build(source: DataSource, context: StageContext, **changed: Any) -> dict[str, list[dict[str, Any]]]:
    arguments = {"shares": SplitShares(0.2, 0.2), "allowed": 1000, **changed}
    told = {"data_seed": arguments.pop("seed", 1), "memory_bytes": 1 << 24}
    shutil.rmtree(context.work, ignore_errors=True)
    context.work.mkdir()
    build_dataset(source, context=evolve(context, settings=context.settings | told), **arguments)
    names = (*SPLITS, "ledger", "rejects")
    return {name: lines(context.out / f"{name}.jsonl") for name in names}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_every_row_ends_in_exactly_one_state(context: StageContext) -> None:
    source = FakeDataSource(FakeDataSourceOptions(rows=200, bad_every=9, twin_every=7))
    built = build(source, context)
    states = Counter(entry["state"] for entry in built["ledger"])
    assert states.total() == 200
    assert states["quarantined"] == len(built["rejects"]) == 22
    assert states["kept"] == sum(len(built[split]) for split in SPLITS)
    assert [entry["row"] for entry in built["ledger"]] == list(range(1, 201))
    assert all(entry["duplicate_of"] == 1 for entry in built["ledger"] if entry["state"] == "duplicate")


def test_a_split_that_stays_empty_is_told_and_one_of_no_share_is_not(context: StageContext) -> None:
    source = FakeDataSource(FakeDataSourceOptions(rows=5))
    build(source, context, shares=SplitShares(0.0, 1e-9))
    told = [data["message"] for kind, data in context.settings["events"] if kind == "WarningRaised"]
    assert len(told) == 1
    assert told[0].startswith("no row fell into the test split: 5 rows")


def test_a_split_far_from_its_share_is_told(context: StageContext) -> None:
    """One group of many rows stays together, wherever it falls."""

    class Grouped(FakeDataSource):
        def examples(self, context: StageContext) -> Iterator[Any]:
            for row in super().examples(context):
                yield evolve(row, group="one" if int(row.where.rpartition(":")[2]) <= 60 else row.where)

    source = Grouped(FakeDataSourceOptions(rows=120))
    seed = next(seed for seed in range(99) if SplitShares(0.1, 0.0).place("one", seed) == "validation")
    build(source, context, shares=SplitShares(0.1, 0.0), seed=seed)
    told = [data["message"] for kind, data in context.settings["events"] if kind == "WarningRaised"]
    assert len(told) == 1
    assert told[0].startswith("the validation split has 5")
    assert "where 10% were asked for: rows of one group stay together" in told[0]


def test_the_same_seed_gives_the_same_split_and_another_another(context: StageContext) -> None:
    source = FakeDataSource(FakeDataSourceOptions(rows=200))
    first = build(source, context)
    assert build(source, context) == first
    assert build(source, context, seed=2)["test"] != first["test"]


def test_adding_rows_never_moves_old_ones(context: StageContext) -> None:
    few = build(FakeDataSource(FakeDataSourceOptions(rows=100)), context)
    many = build(FakeDataSource(FakeDataSourceOptions(rows=300)), context)
    for split in SPLITS:
        assert few[split] == [row for row in many[split] if int(row["where"].split(":")[1]) <= 100]


def test_shares_are_about_what_was_asked_for(context: StageContext) -> None:
    built = build(FakeDataSource(FakeDataSourceOptions(rows=2000)), context)
    assert 340 < len(built["test"]) < 460
    assert 340 < len(built["validation"]) < 460


rows = st.lists(
    st.tuples(st.text(max_size=3), st.text(min_size=1, max_size=3), st.sampled_from(["", "a", "b", "c"])), min_size=8
)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 99))
def test_no_group_and_no_content_stands_in_two_splits(found: list[tuple[str, str, str]], seed: int) -> None:
    examples: list[Example | Rejection] = [
        Example(f"r:{n}", (Message("user", q), Message("assistant", a)), group=g) for n, (q, a, g) in enumerate(found)
    ]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        fresh = StageContext(work, Path(folder), 0, lambda kind, **data: None, lambda: False, {})
        with contextlib.suppress(NoUsableRows):
            build(Listed(examples), fresh, seed=seed, shares=SplitShares(0.0, 0.3))
        built = {split: lines(Path(folder) / f"{split}.jsonl") for split in SPLITS}
    for key in ("group", "messages"):
        places: dict[str, set[str]] = {}
        for split in SPLITS:
            for row in built[split]:
                if row.get(key):
                    places.setdefault(json.dumps(row[key]), set()).add(split)
        assert all(len(where) == 1 for where in places.values())


def test_rows_that_say_their_split_are_taken_at_their_word_where_that_was_asked_for(context: StageContext) -> None:
    rows: list[Example | Rejection] = [
        Example(f"r:{n}", text=f"text {n}", metadata={"split": SPLITS[n % 3]} if n % 2 else {}) for n in range(60)
    ]
    asked = evolve(context, settings=context.settings | {"split_field": "split"})
    built = build(Listed(rows), asked, shares=SplitShares(0.0, 0.0))
    for split in SPLITS[1:]:
        assert {row["metadata"]["split"] for row in built[split]} == {split}
        assert len(built[split]) == 10
    assert len(built["train"]) == 40
    assert not build(Listed(rows), context, shares=SplitShares(0.0, 0.0))["test"]


def test_a_row_that_says_no_split_is_named(context: StageContext) -> None:
    asked = evolve(context, settings=context.settings | {"split_field": "split"})
    with pytest.raises(RowsInvalid, match=r"r:1: metadata.split names no split"):
        build(Listed([Example("r:1", text="a", metadata={"split": "dev"})]), asked)
