"""Scores are those of each sequence alone, whatever stands beside it."""

import random
import subprocess
import sys
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.example import Message, Prompt
from ftctl.domain.format import HF
from ftctl_adapters.kernels.patching import install
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.scoring import Scorer
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from tests.unit.test_unpadded_layout import made

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy
TINY = str(BUILTIN["builtin:tiny"])


@pytest.fixture(scope="module")
def model() -> Any:
    return load_whole(Artifact("model", HF, "", TINY)).float()


def rows(draw: random.Random, beginnings: int, endings: int) -> list[Encoded]:
    """Sequences of which so many begin alike, in an order of no meaning; some go on behind what is scored."""
    found = []
    for _ in range(beginnings):
        first = [draw.randrange(3, 2000) for _ in range(draw.randint(1, 40))]
        for _ in range(endings):
            told = [draw.randrange(3, 2000) for _ in range(draw.randint(1, 9))]
            rest = [draw.randrange(3, 2000) for _ in range(draw.randint(0, 2))]
            labels = (*[IGNORED] * len(first), *told, *[IGNORED] * len(rest))
            found.append(Encoded("", (*first, *told, *rest), labels))
    draw.shuffle(found)
    return found


def alone(model: Any, row: Encoded) -> float:
    """By the plain model, one sequence, all of its logits."""
    with torch.inference_mode():
        table = model(torch.tensor([row.ids])).logits[0].double().log_softmax(-1)
    wanted = [(place, label) for place, label in enumerate(row.labels) if label != IGNORED and place]
    return sum(float(table[place - 1, label]) for place, label in wanted)


@pytest.mark.parametrize(("beginnings", "endings"), [(30, 1), (7, 4), (1, 200), (3, 2)])
def test_scores_are_those_of_each_alone(model: Any, beginnings: int, endings: int) -> None:
    asked = rows(random.Random(endings), beginnings, endings)
    for found, row in zip(Scorer(model, 0).score(asked), asked, strict=True):
        assert abs(found - alone(model, row)) < 5e-5 * max(1, row.trained)


def test_raw_texts_and_one_sequence_are_scored_too(model: Any) -> None:
    text = tuple(random.Random(1).randrange(3, 2000) for _ in range(50))
    asked = [Encoded("", text, text), Encoded("", text, text), Encoded("", text[:2], (IGNORED, text[1]))]
    for found, row in zip(Scorer(model, 0).score(asked), asked, strict=True):
        assert abs(found - alone(model, row)) < 1e-3


def test_endings_side_by_side_are_computed_together(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer tokens pass the model than the sequences have."""
    asked, passed = rows(random.Random(5), 4, 25), 0
    forward = type(model.model).forward

    def counting(self: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal passed
        passed += named["input_ids"].numel()
        return forward(self, *arguments, **named)

    scorer = Scorer(model, 0)
    scorer.score(asked)
    monkeypatch.setattr(type(model.model), "forward", counting)
    scorer.score(asked)
    assert passed < 0.6 * sum(len(row.ids) for row in asked)


def test_a_model_that_looks_elsewhere_is_asked_one_by_one(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes no notice of which tokens may be seen."""
    forward = type(model.model).forward

    def heedless(self: Any, *arguments: Any, **named: Any) -> Any:
        mask = named.get("attention_mask")
        named["attention_mask"] = None if mask is not None and mask.ndim == 4 else mask
        return forward(self, *arguments, **named)

    asked = rows(random.Random(6), 3, 5)
    expected = [alone(model, row) for row in asked]
    monkeypatch.setattr(type(model.model), "forward", heedless)
    for found, wanted in zip(Scorer(model, 0).score(asked), expected, strict=True):
        assert abs(found - wanted) < 1e-3


def test_a_window_of_attention_is_heeded() -> None:
    """Layers that see a few tokens alone are not given a mask without that window."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(1)
    config = MistralConfig(vocab_size=2048, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                           num_attention_heads=4, num_key_value_heads=2, sliding_window=8,
                           initializer_range=0.3)  # fmt: skip
    small = MistralForCausalLM(config).eval()
    asked = rows(random.Random(9), 4, 3)
    for found, row in zip(Scorer(small, 0).score(asked), asked, strict=True):
        assert abs(found - alone(small, row)) < 1e-3 * row.trained


@pytest.mark.parametrize("size", [1, 3, 16])
def test_how_many_are_asked_at_once_changes_nothing_in_double_precision(size: int) -> None:
    precise = load_whole(Artifact("model", HF, "", TINY)).double()
    asked = rows(random.Random(5), 12, 2)
    whole = Scorer(precise, 0).score(asked)
    scorer = Scorer(precise, 0)
    parts = [score for at in range(0, len(asked), size) for score in scorer.score(asked[at : at + size])]
    assert parts == pytest.approx(whole, abs=1e-9)
    assert whole == pytest.approx([alone(precise, row) for row in asked], abs=1e-9)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_answers_are_the_same_however_many_are_asked_at_once(size: int) -> None:
    tokenizer = ChatTokenizer(TINY)
    target = LoadedTarget(load_whole(Artifact("model", HF, "", TINY)).double(), tokenizer)
    prompts = [Prompt((Message("user", "word " * (3 * number % 17) + f"{number}"),)) for number in range(16)]
    whole = target.generate(prompts, 10)
    parts = [one for at in range(0, len(prompts), size) for one in target.generate(prompts[at : at + size], 10)]
    assert [one.token_ids for one in parts] == [one.token_ids for one in whole]
    assert len({one.token_ids for one in whole}) > 3


@pytest.mark.parametrize("architecture", ["Qwen2", "Qwen3", "Llama", "Mistral"])
@pytest.mark.parametrize(("dtype", "apart"), [("float32", 2e-5), ("float64", 1e-6), ("bfloat16", 0.02)])
def test_an_adapter_is_scored_as_peft_computes_it(architecture: str, dtype: str, apart: float) -> None:
    changed = {"sliding_window": None, "use_sliding_window": False} if architecture != "Llama" else {}
    tuned = made(architecture, getattr(torch, dtype), **changed).eval()
    asked = [Encoded("", tuple(one % 60 + 1 for one in row.ids), row.labels) for row in rows(random.Random(3), 9, 2)]
    asked = [Encoded("", row.ids, targets(row)) for row in asked]
    found = Scorer(tuned, 0).score(asked)
    for score, row in zip(found, asked, strict=True):
        assert abs(score - alone(tuned, row)) < apart * max(1, row.trained)
    with tuned.disable_adapter():
        without = Scorer(tuned, 0).score(asked)
    assert max(abs(one - other) for one, other in zip(found, without, strict=True)) > 10 * apart


def targets(row: Encoded) -> tuple[int, ...]:
    return tuple(IGNORED if label == IGNORED else token for token, label in zip(row.ids, row.labels, strict=True))


@pytest.mark.parametrize("trained_here", [False, True])
def test_scoring_leaves_no_kernel_behind(trained_here: bool) -> None:
    """What is generated does not depend on whether something was scored before."""
    tuned = made("Qwen2", torch.bfloat16).eval()
    if trained_here:
        install(tuned)
    ids = torch.tensor([[5, 9, 2, 40, 33, 7]])
    before, forwards = logits(tuned, ids), own_forwards(tuned)
    Scorer(tuned, 0).score([Encoded("", (5, 9, 2, 40), (IGNORED, 9, 2, 40))])
    assert torch.equal(logits(tuned, ids), before)
    left = {name for name, forward in own_forwards(tuned).items() if forwards.get(name) != forward}
    assert all(name.endswith((".layers.1", ".self_attn")) for name in left), "which take what only a score asks for"


def logits(model: Any, ids: Any) -> Any:
    with torch.inference_mode():
        return model(ids).logits


def own_forwards(model: Any) -> dict[str, Any]:
    return {name: module.forward for name, module in model.named_modules() if "forward" in vars(module)}


def test_no_layer_works_on_padding(model: Any) -> None:
    asked = [Encoded("", ids, (IGNORED, *ids[1:])) for ids in (tuple(range(3, 93)), tuple(range(4, 9)))]
    seen = []
    hook = model.model.layers[0].mlp.register_forward_hook(lambda _, given, __: seen.append(given[0][..., 0].numel()))
    Scorer(model, 0).score(asked)
    hook.remove()
    assert seen[-1:] == [96], "those before it find out what the model's logits are"
    assert set(seen[:-1]) <= {4}


def test_in_half_precision_a_score_is_that_of_its_sequence_alone_whatever_shares_its_beginning() -> None:
    """To 0.12 nats: products of other shapes are rounded in another order (0.03 to 0.07 by processor)."""
    half = load_whole(Artifact("model", HF, "", TINY)).bfloat16()
    asked = rows(random.Random(8), 20, 3)
    together = Scorer(half, 0).score(asked)
    apart = [score for row in asked for score in Scorer(half, 0).score([row])]
    assert together == pytest.approx(apart, abs=0.12)


def test_a_model_without_an_adapter_is_scored_without_peft() -> None:
    """Whose import takes seconds."""
    code = (
        "import sys\n"
        "from ftctl.domain.artifact import Artifact\n"
        "from ftctl.domain.encoded import IGNORED, Encoded\n"
        "from ftctl_adapters.modeling.load import load_whole\n"
        "from ftctl_adapters.modeling.scoring import Scorer\n"
        f"Scorer(load_whole(Artifact('model', 'hf', '', {TINY!r})), 0).score([Encoded('', (1, 2), (IGNORED, 2))])\n"
        "sys.exit('peft' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
