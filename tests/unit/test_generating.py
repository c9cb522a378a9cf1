"""Answers in batches: a question that is far longer than the others costs them nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.testing.contracts.stage import recording
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl_adapters.modeling import generate
from ftctl_adapters.modeling.cache_size import bytes_per_answer, bytes_per_token
from ftctl_adapters.modeling.generate import MASK, greedy
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_plugins.evaluators.robustness.boundary import Boundary, BoundaryOptions

torch = pytest.importorskip("torch")
from torch.profiler import ProfilerActivity, profile  # noqa: E402

pytestmark = pytest.mark.heavy
TINY = str(BUILTIN["builtin:tiny"])


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer(TINY)


@pytest.fixture
def model() -> Any:
    return load_whole(Artifact("model", HF, "", TINY)).double()


class Seen:
    """The shapes of what a model was asked to go on with."""

    def __init__(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shapes: list[tuple[int, int]] = []
        inner = model.generate

        def watched(**named: Any) -> Any:
            self.shapes.append(tuple(named["input_ids"].shape))
            return inner(**named)

        monkeypatch.setattr(model, "generate", watched)


def test_a_long_question_is_asked_without_the_short_ones(
    model: Any, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.config.max_position_embeddings = 4096
    lengths = [9, 2500, 30, 30, 9, 1200, 9] + [20] * 57
    prompts = [[5 + (place + at) % 900 for at in range(length)] for place, length in enumerate(lengths)]
    alone = [greedy(model, tokenizer, [prompt], 3)[0] for prompt in prompts]
    seen = Seen(model, monkeypatch)
    assert greedy(model, tokenizer, prompts, 3) == alone
    assert seen.shapes == [(62, 30), (2, 2500)]
    assert 2 * 2500**2 <= MASK < 63 * 1200**2


def test_like_questions_are_asked_at_once(
    model: Any, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(model, monkeypatch)
    greedy(model, tokenizer, [[5 + place] * (place + 1) for place in range(64)], 2)
    assert seen.shapes == [(64, 64)]


def test_a_batch_is_as_large_as_its_keys_values_and_logits_allow(
    model: Any, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [[5 + place] * 10 for place in range(7)]
    together = greedy(model, tokenizer, prompts, 6)
    monkeypatch.setattr(generate, "CACHE", 3 * (bytes_per_answer(model) + 16 * bytes_per_token(model)))
    seen = Seen(model, monkeypatch)
    assert greedy(model, tokenizer, prompts, 6) == together
    assert seen.shapes == [(3, 10), (3, 10), (1, 10)]
    monkeypatch.setattr(generate, "CACHE", 1)
    seen.shapes.clear()
    greedy(model, tokenizer, prompts[:2], 6)
    assert seen.shapes == [(1, 10), (1, 10)], "one question is always asked"


def test_a_frozen_head_is_not_copied_for_each_row(model: Any, tokenizer: ChatTokenizer) -> None:
    """As PEFT leaves it, in bfloat16: its weight requires no gradient, and torch would multiply row by row."""
    small, prompts = model.bfloat16().requires_grad_(False), [[5 + place] * 30 for place in range(8)]
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        greedy(small, tokenizer, prompts, 2)
    head = small.get_output_embeddings().weight.numel() * 2
    assert max(event.cpu_memory_usage for event in seen.events()) < 4 * head


def test_a_token_of_a_real_model_takes_what_its_config_says() -> None:
    from transformers import LlamaConfig

    config = LlamaConfig(num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, hidden_size=576)
    like = SimpleNamespace(config=config, dtype=torch.bfloat16)
    assert bytes_per_token(like) == 30 * 2 * 3 * 64 * 2


@pytest.mark.nightly
def test_the_long_questions_of_boundary_have_room_in_a_small_model(
    tmp_path: Path, model: Any, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model.float()  # what is answered does not matter here
    context, seen = recording(tmp_path), Seen(model, monkeypatch)
    target = CachedTarget(LoadedTarget(model, tokenizer), AnswerStore(tmp_path, "answers"), context)
    found = Boundary(BoundaryOptions(max_new_tokens=2)).evaluate(target, (), context)
    assert len(found.records) == 122
    assert 512 < max(length for _, length in seen.shapes) <= 1024 - 2
