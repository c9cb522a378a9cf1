"""The training engine on the tiny model: equivalences, resume, divergence."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.encoded import Encoded
from ftctl.errors import Interrupted, ModelUnsafe, TrainingDiverged
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.load import load_base, load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.save import save_adapter
from ftctl_adapters.training.checkpoint import newest_checkpoint, usable
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.trainer import Trainer
from ftctl_adapters.training.training_rows import Rows
from ftctl_plugins.objectives.sft import SftObjective, SftOptions
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.unit.losses import summed_loss

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

TINY = str(BUILTIN["builtin:tiny"])


def rows(count: int = 37) -> list[Encoded]:
    made = []
    for number in range(count):
        ids = tuple(3 + (number * 7 + place * 13) % 2000 for place in range(12 + number % 5))
        made.append(Encoded(f"r:{number}", ids, (*[-100] * 6, *ids[6:])))
    return made


SFT = SftObjective(SftOptions())


def alone(sequences: list[Encoded]) -> Rows:
    """One sequence a row."""
    return Rows.of([(sequence,) for sequence in sequences])


def trainer(folder: Path, stop_after: int | None = None, count: int = 37, **changed: Any) -> Trainer:
    """A trainer over fp32 LoRA with dropout, so that every kind of randomness takes part."""
    options = LoraOptions(
        **{
            "rank": 4,
            "lora_dropout": 0.1,
            "bf16": False,
            "learning_rate": 1e-2,
            "num_train_epochs": 2,
            "per_device_train_batch_size": 4,
            "save_steps": 3,
            "gradient_accumulation_steps": 2,
            "logging_steps": 1,
            **changed,
        }
    )
    steps: list[int] = []
    warnings: list[str] = []

    def emit(kind: str, **data: Any) -> None:
        if kind == "StepFinished" and "loss" in data:
            steps.append(data["step"])
        if kind == "WarningRaised":
            warnings.append(data["message"])

    for name in ("work", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    context = StageContext(
        folder / "work", folder / "out", 5, emit, lambda: stop_after in steps,
        {"steps": steps, "warnings": warnings})  # fmt: skip
    torch.manual_seed(5)
    tuner = LoraTuner(options)
    model = tuner.adapt(tuner.load(TINY))
    holder = Engine(model, SFT, options, Group())
    return Trainer(holder, alone(rows(count)), alone(rows(6)), context, 0, "spec")


def weights(one: Trainer) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in one.engine.trained.items()}


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_stopped_run_that_goes_on_ends_bit_equal(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    history = whole.run().history
    for stop in (1, 4, 5, 8):
        cut = trainer(tmp_path / f"cut{stop}", stop_after=stop)
        with pytest.raises(Interrupted):
            cut.run()
        again = trainer(tmp_path / f"cut{stop}")
        assert again.run().history == history
        assert again.context.settings["steps"][0] == stop + 1
        assert equal(weights(again), weights(whole))


def test_a_killed_run_repeats_at_most_the_steps_since_its_checkpoint(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.run()
    killed = trainer(tmp_path / "killed")
    original, count = killed._after_step, []

    def die() -> None:
        count.append(1)
        if len(count) == 5:
            raise KeyboardInterrupt
        original()

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_after_step", lambda self: die())
        killed.run()
    again = trainer(tmp_path / "killed")
    again.run()
    assert again.context.settings["steps"][0] == 4
    assert equal(weights(again), weights(whole))


def test_without_the_random_state_a_resumed_run_would_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the test above: dropout really is part of what is compared."""
    whole = trainer(tmp_path / "whole")
    whole.run()
    cut = trainer(tmp_path / "cut", stop_after=4)
    with pytest.raises(Interrupted):
        cut.run()
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    again = trainer(tmp_path / "cut")
    again.run()
    assert not equal(weights(again), weights(whole))


def test_accumulation_equals_one_big_batch(tmp_path: Path) -> None:
    pairs = []
    for size, accumulation in ((8, 1), (2, 4)):
        one = trainer(
            tmp_path / f"{size}",
            count=8,
            lora_dropout=0.0,
            num_train_epochs=1,
            max_grad_norm=0.0,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulation,
        )
        batches = [list(range(8))[start : start + size] for start in range(0, 8, size)]
        one.engine.model.train()
        one._step(batches)
        moments = {n: one.engine.optimizer.state[p]["exp_avg"] for n, p in one.engine.trained.items()}
        pairs.append((one.state.history[0].loss, moments))
    assert math.isclose(pairs[0][0], pairs[1][0], rel_tol=1e-6)
    assert all(torch.allclose(pairs[0][1][name], pairs[1][1][name], atol=1e-6) for name in pairs[0][1])


def test_a_training_is_the_same_however_its_steps_are_divided(tmp_path: Path) -> None:
    """Rows of other lengths, so that batches of like length are others than those of one big batch would be."""
    found = []
    for size, accumulation in ((8, 1), (1, 8), (4, 2)):
        one = trainer(
            tmp_path / f"{size}",
            lora_dropout=0.0,
            optim="sgd",
            learning_rate=0.1,
            logging_steps=1,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulation,
        )
        history = one.run().history
        found.append(([logged.loss for logged in history if logged.loss is not None], weights(one)))
    losses, expected = found[0]
    assert len(losses) == 10
    for others, trained in found[1:]:
        assert others == pytest.approx(losses, rel=1e-6)
        assert all(torch.allclose(trained[name], expected[name], atol=1e-7) for name in expected)
    assert any(float(tensor.abs().max()) > 1e-3 for name, tensor in expected.items() if "lora_B" in name)


def test_the_loss_at_trained_positions_is_the_whole_models_loss() -> None:
    model = load_base(TINY, False).eval().requires_grad_(False)
    batch = collate(rows(5), 0)
    reference = model(input_ids=batch.ids, attention_mask=batch.mask, labels=batch.labels).loss
    assert math.isclose(float(summed_loss(model, batch)) / batch.trained, float(reference), rel_tol=1e-5)
    model.config.final_logit_softcapping = None
    model.config.logit_scale = 1.0
    assert math.isclose(float(summed_loss(model, batch)) / batch.trained, float(reference), rel_tol=1e-5)


def test_padding_changes_nothing() -> None:
    model = load_base(TINY, False).eval().requires_grad_(False)
    alone = sum(float(summed_loss(model, collate([row], 0))) for row in rows(5))
    together = float(summed_loss(model, collate(rows(5), 0)))
    assert math.isclose(alone, together, rel_tol=1e-5)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_finite_checkpoint(tmp_path: Path) -> None:
    one = trainer(tmp_path, save_steps=2)
    original = Trainer._step

    def poisoned(self: Trainer, group: list[list[int]]) -> None:
        if self.state.step == 5:
            with torch.no_grad():
                next(iter(self.engine.trained.values())).fill_(math.nan)
        original(self, group)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(TrainingDiverged, match="reason=nan_loss"):
        patch.setattr(Trainer, "_step", poisoned)
        one.run()
    newest = newest_checkpoint(one.checkpoints, "spec")
    assert newest is not None
    assert newest.name == "checkpoint-5" or newest.name == "checkpoint-4"
    from safetensors.torch import load_file

    assert all(bool(t.isfinite().all()) for t in load_file(newest / "trained.safetensors").values())


def test_a_loss_that_runs_away_ends_the_run_and_says_by_how_much(tmp_path: Path) -> None:
    def run(folder: Path, told: list[float], **changed: Any) -> Trainer:
        one, script = trainer(folder, save_steps=2, **changed), iter(told)
        one.state.first_loss = told[0]
        with pytest.MonkeyPatch.context() as patch:
            backward = one.engine.backward
            patch.setattr(one.engine, "backward", lambda batches: (next(script), backward(batches)[1]))
            one.run()
        return one

    with pytest.raises(
        TrainingDiverged, match=r"running mean loss 3\.0.*, 1 before training, more than 2 times, at step 7: rea"
    ):
        run(tmp_path / "away", [1.0, 1.0, *[9.0] * 20])
    newest = newest_checkpoint(tmp_path / "away" / "work" / "checkpoints", "spec")
    assert newest is not None
    once = run(tmp_path / "once", [0.01, 0.01, 0.01, 50.0, *[0.01] * 6], num_train_epochs=2)
    assert once.state.step == 10, "one batch that is unlike all others is no divergence"
    (told,) = once.context.settings["warnings"]
    assert told.startswith("step 4 has a loss of 50, far above all before; its rows: r:")
    assert told.count("r:") == 8
    assert run(tmp_path / "free", [1.0, *[99.0] * 20], divergence_ratio=None).state.step == 10
    assert run(tmp_path / "small", [0.02, *[0.9] * 20]).state.step == 10, "a small loss may well grow"


@pytest.mark.parametrize("hard", [False, True])
def test_a_first_batch_that_is_unlike_the_others_is_no_measure(tmp_path: Path, hard: bool) -> None:
    """The longest rows come first, and may be far easier than the others, as what repeats itself is, or far harder."""

    def row(place: int, length: int, random: bool) -> Encoded:
        ids = tuple(3 + (place * 7 + at * 13) % 2000 if random else 9 for at in range(length))
        return Encoded(f"r:{place}", ids, (*[-100] * 6, *ids[6:]))

    one = trainer(tmp_path, learning_rate=1e-9, lora_dropout=0.0, gradient_accumulation_steps=1)
    one.train = alone([row(place, 70 if place < 4 else 12 + place % 5, (place < 4) == hard) for place in range(44)])
    with torch.no_grad():
        one.engine.model.get_output_embeddings().weight[9] *= 1.2
    state = one.run()
    first, *rest = [logged.loss for logged in state.history if logged.loss is not None]
    others = sum(rest[:9]) / 9
    assert first > 2 * others + 1 if hard else others > 2 * first + 1, "told by the first batch it would have diverged"
    assert state.first_loss is not None
    assert abs(state.first_loss - others) < abs(state.first_loss - first)


def test_the_loss_before_training_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, looked = trainer(tmp_path, count=200, per_device_train_batch_size=5), []
    look = Engine.look
    monkeypatch.setattr(Engine, "look", lambda self, batch: (looked.append(len(batch.ids)), look(self, batch))[1])
    one._loss_before()
    assert looked == [5, 5, 5, 1]


def test_the_loss_before_training_is_kept_when_it_goes_on(tmp_path: Path) -> None:
    one = trainer(tmp_path, stop_after=4)
    with pytest.raises(Interrupted):
        one.run()
    before = one.state.first_loss
    again = trainer(tmp_path)
    again.run()
    assert again.state.first_loss == before


@pytest.mark.parametrize(
    "name", ["trained.safetensors", "optimizer.safetensors", "trainer_state.json", "manifest.json"]
)
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, name: str) -> None:
    one = trainer(tmp_path, num_train_epochs=1, save_steps=2, load_best_model_at_end=False)
    one.run()
    newest = newest_checkpoint(one.checkpoints, "spec")
    assert newest is not None
    data = (newest / name).read_bytes()
    (newest / name).write_bytes(data[: len(data) // 2])
    older = newest_checkpoint(one.checkpoints, "spec")
    assert older is not None
    assert older != newest
    assert newest_checkpoint(one.checkpoints, "another spec") is None


def test_a_damaged_checkpoint_gives_way_when_its_step_is_reached_again(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.run()
    cut = trainer(tmp_path / "cut", stop_after=5, save_total_limit=9)
    with pytest.raises(Interrupted):
        cut.run()
    tensors = cut.checkpoints / "checkpoint-5" / "trained.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-1] ^= 1
    tensors.write_bytes(data)
    again = trainer(tmp_path / "cut", save_total_limit=9)
    again.run()
    assert again.context.settings["steps"][0] < 6
    assert usable(again.checkpoints / "checkpoint-5", "spec")
    assert equal(weights(again), weights(whole))


def test_there_is_no_pickle_in_a_checkpoint(tmp_path: Path) -> None:
    one = trainer(tmp_path, num_train_epochs=1)
    one.run()
    names = {path.name for path in one.checkpoints.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in names} == {".safetensors", ".json"}


def test_patience_ends_training_and_the_best_is_kept(tmp_path: Path) -> None:
    one = trainer(tmp_path, num_train_epochs=30, early_stopping_patience=2, eval_steps=2, learning_rate=0.3)
    state = one.run()
    assert state.step < one.total
    losses = {e.step: e.validation_loss for e in state.history if e.validation_loss is not None}
    assert losses[state.best_step] == min(losses.values()) == state.best_loss
    assert len(list(one.checkpoints.glob("checkpoint-*"))) <= 3


def test_a_saved_adapter_loads_in_plain_peft_with_equal_logits(tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    one = trainer(tmp_path, num_train_epochs=1)
    one.run()
    save_adapter(one.engine.model, tmp_path / "out")
    batch = collate(rows(3), 0)
    base = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    again = PeftModel.from_pretrained(base, str(tmp_path / "out")).eval()
    one.engine.model.eval()
    with torch.inference_mode():
        assert torch.equal(again(input_ids=batch.ids).logits, one.engine.model(input_ids=batch.ids).logits)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None
    assert config["target_modules"] == sorted(config["target_modules"])


def test_a_merged_model_answers_as_the_adapter_does(tmp_path: Path) -> None:
    from ftctl_adapters.modeling.merge import merge_adapter

    one = trainer(tmp_path, num_train_epochs=1)
    one.run()
    save_adapter(one.engine.model, tmp_path / "out")
    base = Artifact("model", "hf", "b" * 64, TINY)
    adapter = Artifact("adapter", "peft-adapter", "a" * 64, str(tmp_path / "out"), {}, base)
    merge_adapter(adapter, tmp_path / "merged")
    batch = collate(rows(6), 0)
    with torch.inference_mode():
        with_adapter = load_whole(adapter, bf16=False)(input_ids=batch.ids).logits
        merged = load_whole(evolve(base, path=str(tmp_path / "merged")), bf16=False)(input_ids=batch.ids).logits
    agreement = (with_adapter.argmax(-1) == merged.argmax(-1)).float().mean()
    assert float(agreement) >= 0.97


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    with torch.no_grad():
        next(iter(one.engine.trained.values()))[0, 0] = math.inf
    with pytest.raises(ModelUnsafe, match="not finite"):
        save_adapter(one.engine.model, tmp_path / "out")


def test_the_plan_counts_what_is_trained(tmp_path: Path) -> None:
    from ftctl_adapters.modeling.intake import LocalModelIntake

    shape = LocalModelIntake().look("builtin:tiny", None).shape
    plan = LoraTuner(LoraOptions(rank=4)).plan(shape, 100)
    one = trainer(tmp_path)
    assert plan.trained_parameters == sum(p.numel() for p in one.engine.trained.values())
    assert plan.steps == math.ceil(100 / 8) * 3


@pytest.mark.parametrize("optim", ["adamw_torch", "adamw_8bit", "adafactor", "lion_32bit", "sgd"])
def test_every_optimizer_learns_and_goes_on_bit_equal(tmp_path: Path, optim: str) -> None:
    changed = {
        "rank": 32,
        "optim": optim,
        "lora_dropout": 0.0,
        "learning_rate": {"sgd": 0.5, "lion_32bit": 3e-3, "adafactor": 0.3}.get(optim, 1e-2),
    }
    whole = trainer(tmp_path / "whole", **changed)
    losses = [entry.loss for entry in whole.run().history if entry.loss is not None]
    epoch = whole.steps_per_epoch
    assert sum(losses[-epoch:]) < 0.98 * sum(losses[:epoch]), "the same rows, an epoch later"
    cut = trainer(tmp_path / "cut", stop_after=4, **changed)
    with pytest.raises(Interrupted):
        cut.run()
    again = trainer(tmp_path / "cut", **changed)
    again.run()
    assert equal(weights(again), weights(whole))
    eight_bit = any(key.startswith("qmap") for state in whole.engine.optimizer.state.values() for key in state)
    assert eight_bit == (optim == "adamw_8bit")


def test_the_lowest_loss_is_kept_whatever_counts_as_a_gain(tmp_path: Path) -> None:
    one = trainer(tmp_path, num_train_epochs=3, eval_steps=1, early_stopping_threshold=50.0, early_stopping_patience=6)
    state = one.run()
    losses = {e.step: e.validation_loss for e in state.history if e.validation_loss is not None}
    assert state.step == 7, "no fall is a gain, so patience ends it"
    assert state.best_loss == min(losses.values())


def test_keeping_less_computes_the_same(tmp_path: Path) -> None:
    from ftctl_adapters.training.training_setup import keep_less

    plain, less = trainer(tmp_path / "plain", lora_dropout=0.0), trainer(tmp_path / "less", lora_dropout=0.0)
    keep_less(less.engine.model)
    assert less.engine.model.is_gradient_checkpointing
    assert [e.loss for e in plain.run().history] == [e.loss for e in less.run().history]
    assert equal(weights(plain), weights(less))


def test_float16_scales_the_loss_and_goes_on_bit_equal(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", fp16=True, lora_dropout=0.0)
    losses = [entry.loss for entry in whole.run().history if entry.loss is not None]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert whole.engine.scaler.get_scale() > 1
    cut = trainer(tmp_path / "cut", stop_after=4, fp16=True, lora_dropout=0.0)
    with pytest.raises(Interrupted):
        cut.run()
    again = trainer(tmp_path / "cut", fp16=True, lora_dropout=0.0)
    again.run()
    assert equal(weights(again), weights(whole))
