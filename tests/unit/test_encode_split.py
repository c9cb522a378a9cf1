"""Tokens on disk: the same whoever makes them, made once, whole or absent."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example
from ftctl.errors import ConfigInvalid, Interrupted, LabelsInvalid
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training import encode_split
from ftctl_adapters.training.encode_split import Encoding, encoded_split
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.tokens import turn
from ftctl_adapters.training.training_rows import Rows
from ftctl_plugins.objectives.dpo import DpoObjective, DpoOptions
from ftctl_plugins.objectives.sft import SftObjective, SftOptions

pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

TINY = str(BUILTIN["builtin:tiny"])
COUNT = 40


@pytest.fixture
def data(tmp_path: Path) -> Artifact:
    lines = [
        {
            "where": f"f:{n}",
            "messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes " * (n % 7 + 1)}],
        }
        for n in range(COUNT)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return Artifact("dataset", "ftctl-dataset", "d" * 64, str(tmp_path), {"splits": {"train": COUNT}})


@pytest.fixture
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer(TINY)


def encoding(objective: Any = None, **options: Any) -> Encoding:
    return Encoding(TINY, objective or SftObjective(SftOptions()), TrainingOptions(**options))


def told(rows: Rows) -> list[tuple[list[int], list[int]]]:
    return [(piece.ids.tolist(), piece.labels.tolist()) for n in range(len(rows)) for piece in rows.row(n)]


def test_several_processes_make_the_same_tokens_as_one(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_split, "CHUNK", 3)
    one, first = encoded_split(encoding(), tokenizer, data, "train", context.work / "one", context)
    monkeypatch.setattr(encode_split, "WORTH", 1)
    monkeypatch.setattr(encode_split.os, "cpu_count", lambda: 2)
    two, second = encoded_split(encoding(), tokenizer, data, "train", context.work / "two", context)
    assert told(one) == told(two)
    assert first == second
    assert first.rows == len(one) == COUNT
    assert first.tokens == int(one.lengths.sum())
    progress = [data["done"] for kind, data in context.settings["events"] if kind == "ProgressMade"]
    assert progress == sorted(progress)
    assert progress[-1] == COUNT


class Refusing(SftObjective):
    """An objective that must not be asked."""

    def encode(self, *given: Any) -> Any:
        raise LabelsInvalid("asked again", next_step="nothing")


def test_tokens_are_made_once(data: Artifact, tokenizer: ChatTokenizer, context: StageContext) -> None:
    kept = context.work / "tokens"
    rows, account = encoded_split(encoding(), tokenizer, data, "train", kept, context)
    again, same = encoded_split(encoding(Refusing(SftOptions())), tokenizer, data, "train", kept, context)
    assert told(again) == told(rows)
    assert same == account


def test_what_is_refused_leaves_nothing_behind(data: Artifact, tokenizer: ChatTokenizer, context: StageContext) -> None:
    with pytest.raises(LabelsInvalid, match="40 train examples cannot be trained"):
        encoded_split(encoding(Refusing(SftOptions())), tokenizer, data, "train", context.work / "tokens", context)
    assert [path.name for path in context.work.iterdir()] == [".tokens.lock"]


class Failing(SftObjective):
    """Stops, or is killed, at one example."""

    asked = 0

    def encode(self, example: Example, encoder: Any) -> Any:
        type(self).asked += 1
        if example.where == "f:25" and type(self).asked < COUNT:
            raise Interrupted("asked to stop")
        return super().encode(example, encoder)


@pytest.mark.parametrize("torn", [0, 3])
def test_what_was_marked_is_not_encoded_again(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    monkeypatch.setattr(encode_split, "CHUNK", 3)
    monkeypatch.setattr(encode_split, "MARKED", 2)
    monkeypatch.setattr(Failing, "asked", 0)
    whole, expected = encoded_split(encoding(), tokenizer, data, "train", context.work / "whole", context)
    failing, kept = encoding(Failing(SftOptions())), context.work / "kept"
    with pytest.raises(Interrupted):
        encoded_split(failing, tokenizer, data, "train", kept, context)
    draft = context.work / ".kept-draft"
    with (draft / "ids.i4").open("ab") as file:
        file.write(b"torn" * torn)
    monkeypatch.setattr(Failing, "asked", COUNT)
    rows, account = encoded_split(failing, tokenizer, data, "train", kept, context)
    assert Failing.asked == COUNT + COUNT - 24
    assert told(rows) == told(whole)
    assert account == expected
    assert sorted(path.name for path in context.work.iterdir() if path.is_dir()) == ["kept", "whole"]


def test_a_file_that_is_shorter_than_was_marked_is_begun_again(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_split, "CHUNK", 3)
    monkeypatch.setattr(encode_split, "MARKED", 2)
    monkeypatch.setattr(Failing, "asked", 0)
    failing, kept = encoding(Failing(SftOptions())), context.work / "kept"
    with pytest.raises(Interrupted):
        encoded_split(failing, tokenizer, data, "train", kept, context)
    os.truncate(context.work / ".kept-draft" / "labels.i4", 40)
    monkeypatch.setattr(Failing, "asked", COUNT)
    rows, _ = encoded_split(failing, tokenizer, data, "train", kept, context)
    assert (Failing.asked, len(rows)) == (2 * COUNT, COUNT)


def test_of_two_that_make_the_same_tokens_one_waits(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext
) -> None:
    kept, waited = context.work / "kept", []

    def cancelled() -> bool:
        waited.append(kept.exists())
        return len(waited) > 2

    with turn(kept, lambda: None), pytest.raises(Interrupted):
        encoded_split(encoding(), tokenizer, data, "train", kept, evolve(context, cancelled=cancelled))
    assert waited == [False, False, False]
    assert [kind for kind, _ in context.settings["events"]] == ["WarningRaised"]
    expected, _ = encoded_split(encoding(), tokenizer, data, "train", kept, context)
    again, _ = encoded_split(encoding(Refusing(SftOptions())), tokenizer, data, "train", kept, context)
    assert told(again) == told(expected)


def test_examples_are_read_as_they_are_encoded(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, most, encoded = [0], [0], [0]

    class Counting(SftObjective):
        def encode(self, example: Example, encoder: Any) -> Any:
            encoded[0] += 1
            most[0] = max(most[0], read[0] - encoded[0])
            return super().encode(example, encoder)

    def counted(*given: Any) -> Iterator[Example]:
        for example in original(*given):
            read[0] += 1
            yield example

    original = encode_split.read_split
    monkeypatch.setattr(encode_split, "read_split", counted)
    monkeypatch.setattr(encode_split, "CHUNK", 4)
    encoded_split(encoding(Counting(SftOptions())), tokenizer, data, "train", context.work / "tokens", context)
    assert read[0] == encoded[0] == COUNT
    assert most[0] < 4


def test_packed_rows_hold_every_token_and_pairs_cannot_be_packed(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext
) -> None:
    plain, _ = encoded_split(encoding(), tokenizer, data, "train", context.work / "plain", context)
    packing = encoding(packing=True, max_length=64)
    packed, _ = encoded_split(packing, tokenizer, data, "train", context.work / "packed", context)
    assert len(packed) < COUNT / 2
    assert packed.lengths.sum() == plain.lengths.sum()
    assert packed.lengths.max() <= 64
    train = Path(data.path) / "train.jsonl"
    rows = [
        json.loads(line) | {"rejected": [{"role": "assistant", "content": "no"}]}
        for line in train.read_text().splitlines()
    ]
    train.write_text("\n".join(map(json.dumps, rows)))
    pairs = encoding(DpoObjective(DpoOptions()))
    paired, _ = encoded_split(pairs, tokenizer, data, "train", context.work / "pairs", context)
    assert len(paired.row(0)) == 2
    with pytest.raises(ConfigInvalid, match="cannot be packed"):
        both = evolve(pairs, options=packing.options)
        encoded_split(both, tokenizer, data, "train", context.work / "both", context)


@pytest.mark.parametrize("name", ["ids.i4", "labels.i4", "account.json"])
def test_tokens_that_were_changed_are_made_again(
    data: Artifact, tokenizer: ChatTokenizer, context: StageContext, name: str
) -> None:
    kept = context.work / "tokens"
    encoded_split(encoding(), tokenizer, data, "train", kept, context)
    whole = (kept / name).read_bytes()
    (kept / name).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    encoded_split(encoding(), tokenizer, data, "train", kept, context)
    assert (kept / name).read_bytes() == whole
    assert any("is damaged" in told.get("message", "") for _, told in context.settings["events"])
