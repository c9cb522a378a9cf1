"""The way of rows through operators: one state for each, the same whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.application.dataset import build_dataset, step
from ftctl.application.dataset import pipeline as flow
from ftctl.application.dataset import shard_worker as labour
from ftctl.application.step_order import misplaced
from ftctl.domain.example import Example, Message, Rejection
from ftctl.domain.outcome import Derived, Outcome
from ftctl.domain.seen_keys import first_places
from ftctl.domain.split import SPLITS, SplitShares
from ftctl.errors import RowsInvalid
from ftctl.plugin import DEDUPLICATES, DERIVES, MASKS, NETWORK, Offer
from ftctl.plugin import SPLITS as SPLITTING
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.ports.data_source import DataSource
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes.data_operator import (
    FakeDataOperator,
    FakeDataOperatorOptions,
    FakeMaker,
    FakeMakerOptions,
    FakeSeal,
    FakeSealOptions,
    FakeSetOperator,
    FakeSetOperatorOptions,
)
from ftctl_plugins.data_operators.split import Split, SplitOptions

SHARES = SplitShares(0.2, 0.2)
Steps = Sequence[tuple[str, DataOperator]]


class Rows(DataSource):
    """So many rows; every 50th is refused, every 40th says what the first says."""

    def __init__(self, count: int = 300) -> None:
        self.count = count

    def fingerprint(self) -> str:
        return "rows"

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for n in range(1, self.count + 1):
            if n % 50 == 0:
                yield Rejection(f"r:{n}", "bad on purpose", "secret beginning", byte=n)
            else:
                asked = f"row {1 if n % 40 == 0 else n:05d} asks"
                yield Example(f"r:{n}", (Message("user", asked), Message("assistant", "yes")), byte=n)


def row_step(**options: str) -> FakeDataOperator:
    return FakeDataOperator(FakeDataOperatorOptions(**options))


def built(folder: Path, steps: Steps, source: DataSource | None = None, allowed: int = 1000) -> dict[str, Any]:
    context = recording(folder, data_seed=1, memory_bytes=1 << 20)
    draft = build_dataset(source or Rows(), SHARES, allowed, context, steps)
    names = (*SPLITS, "ledger", "derived", "rejects")
    found: dict[str, Any] = {name: lines(folder / "out" / f"{name}.jsonl") for name in names}
    return found | {"summary": draft.facts["summary"], "splits": draft.facts["splits"]}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_every_row_has_one_state_and_the_step_that_gave_it(tmp_path: Path) -> None:
    found = built(tmp_path, [("filter", row_step(drops="7 asks")), ("change", row_step(replaces="row"))])
    ledger = found["ledger"]
    assert [entry["row"] for entry in ledger] == list(range(1, 301))
    states = Counter(entry["state"] for entry in ledger)
    assert states == {"kept": 300 - 6 - 30 - 6, "quarantined": 6, "filtered": 30, "duplicate": 6}
    assert sum(len(found[split]) for split in SPLITS) == states["kept"]
    assert {entry["operator"] for entry in ledger if entry["state"] == "filtered"} == {"filter"}
    assert all(entry["changed_by"] == ["change"] for entry in ledger if entry["state"] in ("kept", "duplicate"))
    assert all(entry["byte"] == entry["row"] for entry in ledger)
    assert {entry["duplicate_of"] for entry in ledger if entry["state"] == "duplicate"} == {1}


def test_the_funnel_says_what_each_step_did(tmp_path: Path) -> None:
    steps = [("filter", row_step(drops="7 asks")), ("alike", FakeSetOperator(FakeSetOperatorOptions()))]
    funnel = built(tmp_path, steps)["summary"]["funnel"]
    assert funnel[0] == {"step": "filter", "rows": 294, "filtered": 30}
    assert funnel[1]["step"] == "alike"
    assert funnel[1]["duplicate"] > 6
    assert funnel[2] == {"step": "repeats", "rows": 294 - 30 - funnel[1]["duplicate"]}


def test_a_row_over_which_a_step_raises_is_quarantined_alone(tmp_path: Path) -> None:
    found = built(tmp_path, [("fragile", row_step(fails="row 00077"))])
    (entry,) = [entry for entry in found["ledger"] if entry.get("operator") == "fragile"]
    assert (entry["where"], entry["state"]) == ("r:77", "quarantined")
    assert entry["reason"] == "fragile failed: RuntimeError: failed on purpose"
    with pytest.raises(RowsInvalid, match="7 of 300 rows") as caught:
        built(tmp_path / "strict", [("fragile", row_step(fails="row 00077"))], allowed=6)
    assert "r:77: fragile failed" in "\n".join(caught.value.details)


def test_the_same_step_twice_is_told_apart(tmp_path: Path) -> None:
    found = built(tmp_path, [("drop", row_step(drops="00011")), ("drop", row_step(drops="00012"))])
    assert [entry["operator"] for entry in found["ledger"] if entry["state"] == "filtered"] == ["drop", "drop-2"]


def test_made_rows_train_alone_have_parents_and_their_own_ledger(tmp_path: Path) -> None:
    found = built(tmp_path, [("louder", FakeMaker(FakeMakerOptions(made=2)))])
    made = [row for row in found["train"] if row.get("parents")]
    read = {row["where"] for row in found["train"]} - {row["where"] for row in made}
    assert len(made) == 2 * len(read)
    assert all(row["parents"][0] in read and row["where"] == f"{row['parents'][0]}+louder.{1 + i % 2}"
               for i, row in enumerate(made))  # fmt: skip
    assert not [row for split in ("validation", "test") for row in found[split] if row.get("parents")]
    assert len(found["derived"]) == len(made)
    assert len(found["ledger"]) == 300
    assert found["splits"]["train"] == len(found["train"])


class Breaking(Rows):
    """Fails behind its last row, when rows lie in the stage's folder."""

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        yield from super().examples(context)
        raise OSError("gone")


def test_rows_are_encrypted_wherever_they_are_laid_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SHARD", 60)
    steps = [("fragile", row_step(fails="row 00077")), ("alike", FakeSetOperator(FakeSetOperatorOptions()))]
    seal = FakeSeal(FakeSealOptions())
    with pytest.raises(OSError, match="gone"):
        built(tmp_path / "sealed", [*steps, ("seal", seal)], Breaking())
    assert list((tmp_path / "sealed" / "work").rglob("rows.jsonl"))
    built(tmp_path / "sealed", [*steps, ("seal", seal)])
    plain = built(tmp_path / "plain", steps)
    hidden = (" asks", "secret beginning", "failed on purpose")
    for folder, seen in (("plain", True), ("sealed", False)):
        told = [path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()]
        assert [any(text.encode() in content for content in told) for text in hidden] == [seen] * 3
    for split in SPLITS:
        with seal.opening((tmp_path / "sealed" / "out" / f"{split}.jsonl.enc").open("rb")) as file:
            assert [json.loads(line) for line in file] == plain[split]


class Leaking(RowOperator):
    """Makes every row say what the test split says."""

    derives = True

    def __init__(self, said: str) -> None:
        self.said = said

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        turns = (Message("user", self.said), Message("assistant", "yes"))
        return [Derived(row, (evolve(row, messages=turns),)) for row in rows]


def test_a_made_row_that_says_what_is_there_already_gives_way(tmp_path: Path) -> None:
    tested = built(tmp_path / "before", [])["test"][-1]["messages"][0]["content"]
    found = built(tmp_path / "after", [("leaking", Leaking(tested))])
    assert {entry["state"] for entry in found["derived"]} == {"duplicate"}
    assert tested not in [row["messages"][0]["content"] for row in found["train"]]
    assert tested in [row["messages"][0]["content"] for row in found["test"]]


def test_what_belongs_together_is_not_divided(tmp_path: Path) -> None:
    """Rows that begin alike, in tens: a cluster is in one split, and none is dropped."""
    together = FakeSetOperator(FakeSetOperatorOptions(clusters=True))
    found = built(tmp_path, [("together", together)])
    places: dict[str, set[str]] = {}
    for split in SPLITS:
        for row in found[split]:
            places.setdefault(row["messages"][0]["content"][:8], set()).add(split)
    assert len(places) > 20
    assert all(len(where) == 1 for where in places.values())
    assert set().union(*places.values()) == set(SPLITS)


class Grouped(DataSource):
    """Rows that begin alike in tens, and groups that go across: everything below 200 hangs together."""

    def fingerprint(self) -> str:
        return "grouped"

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for n in range(1000):
            turns = (Message("user", f"row {n:05d} asks"), Message("assistant", "yes"))
            yield Example(f"r:{n}", turns, group="across" if n < 200 and n % 10 == 3 else f"g{n}" if n > 900 else "")


def test_groups_and_clusters_hang_together(tmp_path: Path) -> None:
    """Twice: what was one cluster for the first step stays one whatever the second says."""
    steps = [("one", FakeSetOperator(FakeSetOperatorOptions(clusters=True)))] * 2
    found = built(tmp_path, steps, Grouped())
    places = {int(row["where"][2:]): split for split in SPLITS for row in found[split]}
    assert len(places) == 1000
    assert len({places[n] for n in range(200)}) == 1
    assert all(len({places[n] for n in range(ten, ten + 10)}) == 1 for ten in range(200, 1000, 10))
    assert set(places.values()) == set(SPLITS)


class Shouting(RowOperator):
    """Makes all rows of a kind the same."""

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [evolve(row, messages=(Message("user", row.messages[0].content[:7]), *row.messages[1:])) for row in rows]


def test_what_a_step_behind_the_split_makes_equal_is_one_row(tmp_path: Path) -> None:
    steps = [("split", Split(SplitOptions(validation=0.2, test=0.2))), ("shouting", Shouting())]
    found = built(tmp_path, steps)
    said = [row["messages"][0]["content"] for split in SPLITS for row in found[split]]
    assert sorted(said) == ["row 000", "row 001", "row 002"][: len(said)]
    assert len(said) > 1
    assert sum(entry.get("operator") == "echoes" for entry in found["ledger"]) > 200


def test_with_a_mask_nothing_quotes_a_row(tmp_path: Path) -> None:
    class Masking(FakeDataOperator):
        masks = True

    steps = [("mask", Masking(FakeDataOperatorOptions(fails="00077")))]
    found = built(tmp_path, steps)
    (entry,) = [entry for entry in found["ledger"] if entry.get("operator") == "mask"]
    assert entry["reason"] == "mask failed: RuntimeError"
    assert not any(one["excerpt"] for one in found["rejects"])


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("turn 1: unknown role 'anna@example.org'", "turn 1: unknown role …"),
        ("duplicate key 'anna'", "duplicate key …"),
        ("turn 1: unknown role \"anna's\" 4711 'ok'", "turn 1: unknown role …"),
        ("no known format: keys anna; 4711 Main Street; known are text", "no known format: keys …"),
        ("number out of range: 4111111111111111e999", "number out of range: …"),
        ("byte 3: not JSON: Expecting value", "byte 3: not JSON: Expecting value"),
    ],
)
def test_with_a_mask_reasons_quote_nothing(reason: str, left: str) -> None:
    assert step.unquoted(reason) == left


@pytest.mark.parametrize("batch", [1, 7])
def test_batches_and_shards_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    steps = recipe()
    usual = built(tmp_path / "usual", steps)
    monkeypatch.setattr(flow, "BATCH", batch)
    monkeypatch.setattr(labour, "BATCH", batch)
    monkeypatch.setattr(flow, "SHARD", 3 * batch)
    assert built(tmp_path / "small", steps) == usual


def recipe() -> Steps:
    return [
        ("change", row_step(replaces="row 0003")),
        ("together", FakeSetOperator(FakeSetOperatorOptions(clusters=True))),
        ("filter", row_step(drops="00012")),
        ("louder", FakeMaker(FakeMakerOptions())),
    ]


KILLED = """
import sys
from pathlib import Path
from ftctl.application.dataset import pipeline as flow
from tests.unit.test_data_steps import built, recipe
flow.SHARD = 40
built(Path(sys.argv[1]), recipe())
"""


@pytest.mark.parametrize(
    ("point", "time", "shards"),
    [
        *(("data.shard.before_rename", time, time - 1) for time in (1, 2, 9, 24)),
        *(("data.shard.after_rename", time, time) for time in (1, 8, 17, 24)),
        *(("data.part.done", part, 8 * part) for part in (1, 2, 3)),
    ],
)
def test_a_kill_costs_the_shard_it_hits_and_changes_nothing(tmp_path: Path, point: str, time: int, shards: int) -> None:
    """300 rows in shards of 40, through three parts of eight shards each."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    fault = {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": f"{point}@{time}:kill"}
    died = subprocess.run(command, env=environment | fault, cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    kept = sorted((tmp_path / "killed" / "work").glob("part-*/0*"))
    assert len(kept) == shards
    stamps = [place.stat().st_ino for place in kept]
    found = built(tmp_path / "killed", recipe())
    assert [place.stat().st_ino for place in kept] == stamps, "what was finished is used again"
    assert found == built(tmp_path / "undisturbed", recipe())


def test_repeats_are_found_in_as_little_memory_as_is_given(tmp_path: Path) -> None:
    keys = [(n * 2654435761 % 1000).to_bytes(4, "little")[::-1] for n in range(3000)]
    keys = [bytes([hash(key) % 256]) + key for key in keys]
    (tmp_path / "keys").write_bytes(b"".join(keys))
    plenty, little = (list(first_places(tmp_path / "keys", 5, memory)) for memory in (1 << 30, 1 << 12))
    assert plenty == little == [keys.index(key) for key in keys]


def test_of_ranked_keys_the_lowest_rank_is_the_first(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"a\2b\1a\1a\1b\1")
    assert list(first_places(tmp_path / "keys", 2, 1 << 20, rank_bytes=1)) == [2, 1, 2, 2, 1]


def offer(name: str, *capabilities: str) -> Offer:
    return Offer(port="data_operator", name=name, summary="", factory="", options="", capabilities=capabilities)


PII, SYNTH = offer("pii", MASKS), offer("synth-qa", NETWORK, DERIVES)
DEDUP, SPLIT, NOISE, CLEAN = (
    *(offer("dedup-exact", DEDUPLICATES), offer("split", SPLITTING)),
    *(offer("augment-noise", DERIVES), offer("normalise")),
)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((CLEAN, PII, DEDUP, SPLIT, SYNTH), ""),
        ((DEDUP, NOISE), ""),
        ((SYNTH, PII), "data_steps[0]: synth-qa sends rows to another machine; put {use: pii} before it"),
        ((SYNTH,), "put {use: pii} before it"),
        ((SPLIT, DEDUP), "data_steps[1]: dedup-exact must come before the split"),
        ((NOISE, DEDUP), "data_steps[1]: dedup-exact must come before the split"),
        ((NOISE, SPLIT), "data_steps[0]: augment-noise makes rows and must come after the split"),
        ((SPLIT, SPLIT), "data_steps[1]: more than one `split`"),
    ],
)
def test_the_order_of_steps_is_checked_by_what_they_declare(steps: tuple[Offer, ...], said: str) -> None:
    problems = misplaced(steps)
    assert [said in problem for problem in problems] == ([True] if said else [])
