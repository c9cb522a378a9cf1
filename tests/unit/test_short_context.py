"""A model with a context of 64 positions is trained within it, and its golden cases fit."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Message, Prompt
from ftctl.domain.format import HF
from ftctl.errors import BackendFailed, LabelsInvalid, NoUsableRows
from ftctl.ports.context import StageContext
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.modeling import golden
from ftctl_adapters.modeling.golden import read_golden
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.session import labelled
from ftctl_plugins.tuners.full import FullOptions, FullTuner
from tests.unit.test_training import SFT

pytestmark = pytest.mark.heavy
transformers = pytest.importorskip("transformers")
CONTEXT = 64


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A random GPT-2 with learnt positions, and the tokenizer of the built-in model."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = AutoTokenizer.from_pretrained(str(BUILTIN["builtin:tiny"]))
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=CONTEXT, n_embd=16, n_layer=1, n_head=2,
                        eos_token_id=tokenizer.eos_token_id, bos_token_id=None)  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    facts = {"max_length": CONTEXT, "tokenizer": "t", "chat_template": "c"}
    return Artifact("model", HF, "b" * 64, str(folder), facts)


def rows(folder: Path, *words: int) -> Artifact:
    """A data set with answers of so many words."""
    folder.mkdir()
    for split in ("train", "validation"):
        lines = [
            {"where": f"{split}:{n}", "messages": [{"role": "user", "content": "Count."},
                                                   {"role": "assistant", "content": "one " * count}]}
            for n, count in enumerate(words)
        ]  # fmt: skip
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    counts = {"train": len(words), "validation": len(words), "test": 0}
    return Artifact("dataset", "jsonl", "d" * 64, str(folder), {"splits": counts})


def tuned(short: Artifact, data: Artifact, context: StageContext, **options: Any) -> None:
    values = {"bf16": False, "max_steps": 2, "per_device_train_batch_size": 2, "max_length": 1024, **options}
    FullTuner(FullOptions(**values)).tune(short, data, SFT, context)


def test_rows_beyond_the_context_are_refused_by_name_or_cut(short: Artifact, tmp_path: Path) -> None:
    data = rows(tmp_path / "long", 3, 99)
    with pytest.raises(
        LabelsInvalid, match="1 train examples are longer than the model's context of 64 tokens"
    ) as caught:
        tuned(short, data, recording(tmp_path / "a"))
    assert "train:1: " in caught.value.details[0]
    assert "max_length" not in caught.value.next_step
    with pytest.raises(NoUsableRows, match="0 of 1 train rows fit the model's context of 64 tokens: 1 dropped"):
        tuned(short, rows(tmp_path / "longer", 99), recording(tmp_path / "b"), overlong="drop")
    context = recording(tmp_path / "c")
    tuned(short, data, context, overlong="drop")
    described = [told for kind, told in context.settings["events"] if kind == "DataDescribed"]
    assert [(one["split"], one["states"]) for one in described] == [
        ("train", {"kept": 1, "dropped_overlong": 1}),
        ("validation", {"kept": 1, "dropped_overlong": 1}),
    ]
    ledger = json.loads((context.out / "label_ledger.json").read_text())
    assert ledger["validation"] == {"kept": 1, "dropped_overlong": 1}


def test_rows_that_lose_their_end_are_told_since_they_teach_never_to_stop(short: Artifact, tmp_path: Path) -> None:
    data, context = rows(tmp_path / "long", 3, 99), recording(tmp_path / "a")
    tuned(short, data, context, overlong="truncate_right", max_length=32)
    told = [data["message"] for kind, data in context.settings["events"] if kind == "WarningRaised"]
    for split in ("train", "validation"):
        assert any(
            line.startswith(f"{split}: 1 of 2 rows were cut at their end and hold no stop token") for line in told
        )
    options = FullOptions(overlong="truncate_right", max_length=32)
    assert labelled(short, data, SFT, options, 2)[0].startswith("1 of 2 rows were cut at their end")
    assert not any("cut at" in line for line in labelled(short, data, SFT, evolve(options, overlong="drop"), 2))


def test_golden_cases_fit_the_context(short: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "MAX_NEW_TOKENS", 48)
    context = recording(tmp_path / "a")
    tuned(short, rows(tmp_path / "rows", 3), context)
    cases = read_golden(str(context.out))
    assert cases
    assert all(len(case.token_ids) + case.max_new_tokens <= CONTEXT for case in cases)
    assert any(case.max_new_tokens < 48 for case in cases)


def test_answers_end_with_the_context_and_a_prompt_without_room_is_named(short: Artifact) -> None:
    tokenizer, model = ChatTokenizer(short.path), load_whole(short)
    target = LoadedTarget(model, tokenizer)
    prompts = [Prompt((Message("user", "word " * count),)) for count in (1, 20, 3)]
    lengths = [len(tokenizer.asked(prompt)) for prompt in prompts]
    assert max(lengths) < CONTEXT
    with_room = target.generate(prompts, CONTEXT)
    alone = [target.generate([prompt], CONTEXT)[0] for prompt in prompts]
    assert with_room == alone, "no answer is cut because another prompt is longer"
    assert all(len(answer.token_ids) <= CONTEXT - length for answer, length in zip(alone, lengths, strict=True))
    drawn = target.sample(prompts, CONTEXT, temperature=1.0, seed=3)
    assert all(len(answer.token_ids) <= CONTEXT - length for answer, length in zip(drawn, lengths, strict=True))
    without_room = r"prompt 2 of 2 \('many .*no room for an answer in the model's context of 64"
    with pytest.raises(BackendFailed, match=without_room):
        target.generate([prompts[0], Prompt((Message("user", "many words " * 60),))], 8)
