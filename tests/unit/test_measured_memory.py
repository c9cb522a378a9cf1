"""Planned memory is within 15 % of what SmolLM2-135M-Instruct took, by tuner, dtype and largest batch."""

from typing import Any

import pytest

from ftctl.domain.resources import LargestBatch, ModelShape, TrainingData
from ftctl_plugins.tuners.full import FullOptions, FullTuner
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from ftctl_plugins.tuners.qlora import QloraOptions, QloraTuner

TUNERS: dict[str, Any] = {
    "lora": (LoraTuner, LoraOptions),
    "full": (FullTuner, FullOptions),
    "qlora": (QloraTuner, QloraOptions),
}
FP32, RECOMPUTED = {"bf16": False}, {"gradient_checkpointing": True}
MEASURED: list[tuple[str, dict[str, Any], LargestBatch, int]] = [
    ("lora", {}, LargestBatch(6, 546, 2730), 3373),
    ("lora", {}, LargestBatch(2, 546, 944), 2052),
    ("lora", {}, LargestBatch(4, 515, 1797), 2747),
    ("lora", {}, LargestBatch(8, 546, 3285), 4326),
    ("lora", FP32, LargestBatch(4, 546, 1751), 3688),
    ("lora", RECOMPUTED, LargestBatch(6, 546, 2730), 1983),
    ("lora", RECOMPUTED, LargestBatch(2, 546, 944), 1573),
    ("full", {}, LargestBatch(1, 546, 546), 1757),
    ("full", {}, LargestBatch(4, 546, 1751), 2553),
    ("full", {}, LargestBatch(6, 546, 2730), 3245),
    ("full", FP32, LargestBatch(6, 546, 2730), 6261),
    ("full", RECOMPUTED, LargestBatch(6, 546, 2730), 1753),
    ("qlora", {}, LargestBatch(1, 546, 546), 2171),
    ("qlora", {}, LargestBatch(4, 546, 1751), 4193),
    ("qlora", {}, LargestBatch(6, 546, 2730), 7146),
]
"""Megabytes at the peak of three steps; the fourth of them was DPO."""


def shape() -> ModelShape:
    hidden, mlp, kept, layers, vocabulary = 576, 1536, 192, 30, 49152
    layer = {
        **{f"self_attn.{name}_proj.weight": (hidden, hidden) for name in "qo"},
        **{f"self_attn.{name}_proj.weight": (kept, hidden) for name in "kv"},
        **{f"mlp.{name}_proj.weight": (mlp, hidden) for name in ("gate", "up")},
        "mlp.down_proj.weight": (hidden, mlp),
        "input_layernorm.weight": (hidden,),
        "post_attention_layernorm.weight": (hidden,),
    }
    tensors = {f"model.layers.{n}.{name}": size for n in range(layers) for name, size in layer.items()}
    tensors |= {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    counted = ModelShape("LlamaForCausalLM", 0, 0, hidden, layers, vocabulary, 2048, "bfloat16", tensors, 9)
    count = counted.count(lambda name: True)
    return ModelShape("LlamaForCausalLM", count, 2 * count, hidden, layers, vocabulary, 2048, "bfloat16", tensors, 9)


@pytest.mark.parametrize(("use", "given", "batch", "measured"), MEASURED)
def test_the_plan_is_near_what_was_measured(
    use: str, given: dict[str, Any], batch: LargestBatch, measured: int
) -> None:
    tuner, options = TUNERS[use]
    planned = tuner(options(**given)).memory(shape(), TrainingData(200, largest_batch=batch))["train"] / 1e6
    assert abs(planned / measured - 1) < 0.15


def test_pairs_and_longer_rows_take_more() -> None:
    tuner = LoraTuner(LoraOptions(max_length=512))
    single, pairs = (tuner.memory(shape(), TrainingData(None, count))["train"] for count in (1, 2))
    assert pairs > 1.3 * single
    longer = LoraTuner(LoraOptions(max_length=1024)).memory(shape(), TrainingData(None))
    assert longer["train"] > 1.3 * single


@pytest.mark.parametrize(("test_rows", "measured"), [(48, 1640), (None, 1640)])
def test_evaluating_takes_what_a_batch_of_answers_takes(test_rows: int | None, measured: int) -> None:
    data = TrainingData(168, largest_batch=LargestBatch(6, 700, 3700), test_rows=test_rows)
    planned = LoraTuner(LoraOptions()).memory(shape(), data)["evaluate"] / 1e6
    assert abs(planned / measured - 1) < 0.15
    few = LoraTuner(LoraOptions()).memory(shape(), TrainingData(10, largest_batch=LargestBatch(1, 50, 50), test_rows=3))
    assert few["evaluate"] / 1e6 < 0.6 * planned
