"""The contract of `bench`, which ``test_lm_eval.py`` runs where lm-evaluation-harness lives."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from ftctl.ports import LoadedModel, Target
from ftctl.testing import tiny_model
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.contracts.offer import make
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.bootstrap import build_registry

TASK = """
task: likely
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{q}}}}"
doc_to_target: a
doc_to_choice: c
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
WORDS = ("tea", "stone", "lamp", "river", "cloud", "seven")


class Shown(FakeTarget):
    """The tiny model; where ``backwards``, what is likely is unlikely."""

    def __init__(self, backwards: bool) -> None:
        super().__init__()
        found: Any = make(build_registry().find("target_loader", "transformers"), {})  # type: ignore[arg-type]
        self.seen: LoadedModel = found.load(tiny_model()).inside()
        self.seen.model.float()
        if backwards:
            self.seen.model.lm_head.register_forward_hook(lambda module, given, logits: -logits)

    def inside(self) -> LoadedModel:
        return self.seen


class TestBench(EvaluatorContract):
    """Asks for what the tiny model finds likeliest."""

    @pytest.fixture
    def offer(self) -> str:
        return "bench"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        rows = tmp_path / "rows.jsonl"
        asked = [f"Say something {number}:" for number in range(20)]
        lines = [{"q": text, "c": list(WORDS), "a": likeliest(text)} for text in asked]
        rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
        task = tmp_path / "likely.yaml"
        task.write_text(TASK.format(rows=rows))
        return {"tasks": [str(task)]}

    @pytest.fixture
    def best(self) -> Target:
        return Shown(backwards=False)

    @pytest.fixture
    def worst(self) -> Target:
        return Shown(backwards=True)


@functools.cache
def plain() -> LoadedModel:
    return Shown(backwards=False).seen


@functools.cache
def likeliest(text: str) -> int:
    import torch

    inside = plain()
    totals = []
    for word in WORDS:
        before, whole = (inside.tokenizer.raw(part)["input_ids"] for part in (text, f"{text} {word}"))
        with torch.no_grad():
            logged = inside.model(torch.tensor([whole])).logits[0].log_softmax(-1)
        places = range(len(before), len(whole))
        totals.append(sum(float(logged[place - 1, whole[place]]) for place in places))
    return max(range(len(WORDS)), key=lambda place: totals[place])
