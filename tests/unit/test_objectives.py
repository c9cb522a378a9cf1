"""Objectives over the engine: what they encode, what they minimise, and what packing may and may not change."""

import math
import random
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.event import STEP_FINISHED
from ftctl.domain.example import Example, Message
from ftctl.errors import LabelsInvalid
from ftctl.ports import Objective
from ftctl.ports.context import StageContext
from ftctl_adapters.kernels.patching import install
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.forward import ModelForward
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import prepare
from ftctl_adapters.training.reference_cache import add_constants
from ftctl_adapters.training.trainer import Trainer
from ftctl_adapters.training.training_rows import Rows
from ftctl_plugins.objectives.dpo import DpoObjective, DpoOptions
from ftctl_plugins.objectives.pt import PretrainingObjective, PretrainingOptions
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.unit.losses import summed_loss
from tests.unit.test_training import TINY, alone, rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

PAIRS = [
    Example(
        f"p:{n}",
        (Message("user", f"Say {word}."), Message("assistant", f"{word}!")),
        rejected=(Message("assistant", f"I will not say {word}."),),
    )
    for n, word in enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight"])
]
TEXTS = [Example(f"t:{n}", text=f"def double_{n}(number):\n    return number * {n}\n" * (n + 1)) for n in range(12)]


@pytest.fixture(scope="module")
def encoder() -> ExampleEncoder:
    return ExampleEncoder(ChatTokenizer(TINY), "answers")


def run(
    objective: Objective, data: Rows, context: StageContext, **changed: Any
) -> tuple[list[dict[str, Any]], Trainer]:
    """Trains a LoRA model on the rows; what every step told."""
    options = LoraOptions(
        **{
            "rank": 4,
            "bf16": False,
            "learning_rate": 1e-2,
            "logging_steps": 1,
            "num_train_epochs": 6,
            "per_device_train_batch_size": 4,
            "load_best_model_at_end": False,
            **changed,
        }
    )
    torch.manual_seed(2)
    model = LoraTuner(options).adapt(load_base(TINY, False))
    install(model)
    add_constants(data, objective, model, 4, 0, context.work / "constants.safetensors", Group())
    one = Trainer(Engine(model, objective, options, Group()), data, Rows.of([]), context, 0, "spec")
    one.run()
    return [told for kind, told in context.settings["events"] if kind == STEP_FINISHED], one


def test_dpo_prefers_the_chosen_answer_and_begins_at_the_logarithm_of_two(
    encoder: ExampleEncoder, context: StageContext
) -> None:
    objective = DpoObjective(DpoOptions(beta=0.5))
    data = Rows.of(prepare(PAIRS, objective, encoder, TrainingOptions())[0])
    told, _ = run(objective, data, context)
    assert math.isclose(told[0]["loss"], math.log(2), rel_tol=1e-4)
    assert told[-1]["loss"] < 0.3
    assert told[-1]["reward_accuracy"] == 1.0
    assert told[-1]["reward_margin"] > told[1]["reward_margin"]


@pytest.mark.parametrize("start", ["default", "pissa", "olora"])
def test_the_reference_is_the_model_as_it_began_however_adapters_begin(
    encoder: ExampleEncoder, context: StageContext, start: str
) -> None:
    objective = DpoObjective(DpoOptions(beta=0.5))
    data = Rows.of(prepare(PAIRS, objective, encoder, TrainingOptions())[0])
    told, _ = run(objective, data, context, init_lora_weights=start, max_steps=1)
    assert math.isclose(told[0]["loss"], math.log(2), rel_tol=1e-4)


@pytest.mark.parametrize("size", [1, 4])
def test_in_bfloat16_dpo_begins_at_the_logarithm_of_two_too(tmp_path: Path, size: int) -> None:
    """Beginning at the reference means the same rounding: else noise of some nats is what is learnt first."""
    draw = random.Random(1)

    def sequence() -> Encoded:
        ids = tuple(draw.randrange(3, 2000) for _ in range(draw.randrange(40, 200)))
        return Encoded("r", ids, (*[IGNORED] * 20, *ids[20:]))

    model = LoraTuner(LoraOptions(rank=4, bf16=True)).adapt(load_base(TINY, True)).train()
    install(model)
    pairs, dpo = Rows.of([(sequence(), sequence()) for _ in range(12)]), DpoObjective(DpoOptions())
    add_constants(pairs, dpo, model, size, 0, tmp_path / "kept", Group())
    shuffled = draw.sample(range(12), 12)
    for start in range(0, 12, size):
        loss, _ = dpo.loss(ModelForward(model), pairs.batch(shuffled[start : start + size], 0))
        assert float(loss.detach()) / size == pytest.approx(math.log(2), abs=1e-3)


def test_dpo_has_the_loss_of_the_paper(encoder: ExampleEncoder, tmp_path: Path) -> None:
    objective = DpoObjective(DpoOptions(beta=0.2))
    data = Rows.of(prepare(PAIRS[:3], objective, encoder, TrainingOptions())[0])
    model = load_base(TINY, False)
    add_constants(data, objective, model, 2, 0, tmp_path / "c.safetensors", Group())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.01)
    batch = data.batch([0, 1, 2], 0)
    found = float(objective.loss(ModelForward(model), batch)[0].detach())
    expected = 0.0
    for number in range(len(data)):
        row = data.row(number)
        now = [-float(summed_loss(model, collate([part], 0)).detach()) for part in row]
        then = [float(data.constants[name][number]) for name in objective.constants]
        margin = 0.2 * ((now[0] - then[0]) - (now[1] - then[1]))
        expected += math.log1p(math.exp(-margin))
    assert math.isclose(found, expected, rel_tol=1e-4)


def test_constants_are_of_the_model_as_it_began_and_kept(encoder: ExampleEncoder, tmp_path: Path) -> None:
    objective = DpoObjective(DpoOptions())
    data = Rows.of(prepare(PAIRS, objective, encoder, TrainingOptions())[0])
    model, kept = load_base(TINY, False), tmp_path / "constants.safetensors"
    add_constants(data, objective, model, 4, 0, kept, Group())
    first = {name: values.clone() for name, values in data.constants.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    again = Rows(data.tokens, data.together)
    add_constants(again, objective, model, 4, 0, kept, Group())
    assert all(torch.equal(again.constants[name], first[name]) for name in objective.constants)


def test_dpo_needs_a_rejected_answer_and_pt_raw_text(encoder: ExampleEncoder) -> None:
    pair, text = PAIRS[0], TEXTS[0]
    with pytest.raises(LabelsInvalid, match="rejected"):
        DpoObjective(DpoOptions()).encode(evolve(pair, rejected=()), encoder)
    with pytest.raises(LabelsInvalid, match="raw text"):
        PretrainingObjective(PretrainingOptions()).encode(pair, encoder)
    (encoded,) = PretrainingObjective(PretrainingOptions()).encode(text, encoder)
    assert encoded.trained == len(encoded.ids) - 1


@pytest.mark.parametrize("packing", [False, True])
def test_pt_learns_raw_text(encoder: ExampleEncoder, context: StageContext, packing: bool) -> None:
    objective = PretrainingObjective(PretrainingOptions())
    made, account = prepare(TEXTS, objective, encoder, TrainingOptions(max_length=128, overlong="split"))
    assert account.states["split"] > 0
    data = Rows.of(made)
    if packing:
        data = data.packed(128, separate=True)
        assert len(data) < len(made)
    told, _ = run(objective, data, context)
    assert told[-1]["loss"] < 0.5 * told[0]["loss"]


def test_splitting_keeps_every_token(encoder: ExampleEncoder) -> None:
    objective = PretrainingObjective(PretrainingOptions())
    _, whole = prepare(TEXTS, objective, encoder, TrainingOptions(max_length=4096))
    rows, split = prepare(TEXTS, objective, encoder, TrainingOptions(max_length=50, overlong="split"))
    assert max(len(row[0].ids) for row in rows) == 50
    assert 0 <= whole.tokens - split.tokens <= split.states["split"], "at most a last lone token is left out"


def test_packed_texts_are_as_if_alone() -> None:
    """Attention, positions and labels: the loss of a packed sequence is the sum of its texts' losses."""
    texts = rows(9)
    packed = alone(texts).packed(64, separate=True)
    assert sum(len(packed.row(number)[0].starts) for number in range(len(packed))) == 9
    for kernels in (False, True):
        model = load_base(TINY, False).requires_grad_(False)
        if kernels:
            install(model)
        apart = sum(float(summed_loss(model, alone([text]).batch([0], 0))) for text in texts)
        together = float(summed_loss(model, packed.batch(range(len(packed)), 0)))
        assert math.isclose(apart, together, rel_tol=1e-5)


def test_joined_texts_do_see_each_other() -> None:
    model, texts = load_base(TINY, False).requires_grad_(False), rows(9)
    apart = sum(float(summed_loss(model, alone([text]).batch([0], 0))) for text in texts)
    joined = alone(texts).packed(64, separate=False)
    assert not math.isclose(apart, float(summed_loss(model, joined.batch(range(len(joined)), 0))), rel_tol=1e-3)


def test_bins_are_full_and_nothing_is_lost() -> None:
    texts = [Encoded(f"x:{n}", (n,) * size, (n,) * size) for n, size in enumerate([7, 1, 9, 3, 3, 10, 2, 5])]
    rows = alone(texts).packed(10, separate=True)
    packed = [rows.row(number)[0] for number in range(len(rows))]
    assert sorted(token for made in packed for token in made.ids) == sorted(t for text in texts for t in text.ids)
    assert all(len(made.ids) <= 10 for made in packed)
    assert len(packed) == 4, "forty tokens in bins of ten"
    assert all(made.labels[start] == IGNORED for made in packed for start in made.starts)


def test_packed_and_padded_training_take_the_same_steps(context: StageContext, tmp_path: Path) -> None:
    """The same texts a step, packed or side by side: the same losses and weights to 1e-4."""
    from tests.unit.test_training import SFT

    texts = rows(12)
    side_by_side, _ = _steps(
        SFT, Rows.of([(text,) for text in texts]), [list(range(s, s + 4)) for s in (0, 4, 8)], tmp_path / "a"
    )
    packed = Rows(alone(texts).tokens, packs=[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])
    one_each, _ = _steps(SFT, packed, [[0], [1], [2]], tmp_path / "b")
    assert all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(side_by_side, one_each, strict=True))


def _steps(objective: Objective, data: Rows, groups: list[list[int]], folder: Path) -> tuple[list[float], Trainer]:
    for name in ("work", "out"):
        (folder / name).mkdir(parents=True)
    told: list[float] = []

    def emit(kind: str, **data: Any) -> None:
        if kind == STEP_FINISHED:
            told.append(data["loss"])

    context = StageContext(folder / "work", folder / "out", 5, emit, lambda: False, {})
    options = LoraOptions(rank=4, bf16=False, learning_rate=1e-2, logging_steps=1, max_steps=len(groups))
    torch.manual_seed(5)
    model = LoraTuner(options).adapt(load_base(TINY, False)).train()
    one = Trainer(Engine(model, objective, options, Group()), data, Rows.of([]), context, 0, "spec")
    for group in groups:
        one._step([group])
    return told, one
