"""``prefix``: virtual keys and values in every layer. Li and Liang, Prefix-Tuning, 2021."""

from typing import Any, ClassVar

from ftctl.domain.format import PEFT_PROMPT
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl_adapters.modeling.layer_names import layer_children
from ftctl_adapters.training.engine_tuner import PeftTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class PrefixOptions(TrainingOptions):
    """Options of `PrefixTuner`."""

    learning_rate: float = option(1e-2, help="Peak learning rate.", gt=0, lt=1)
    num_virtual_tokens: int = option(20, help="Number of virtual tokens.", ge=1)
    prefix_projection: bool = option(False, help="Learn them through a small network, as the paper does.")
    encoder_hidden_size: int | None = option(None, help="Width of that network; null: the model's.", ge=1)


class PrefixTuner(PeftTuner[PrefixOptions]):
    """Trains past keys and values of virtual tokens; weights and input stay."""

    output_format: ClassVar[str] = PEFT_PROMPT

    def trained(self, shape: ModelShape) -> int:
        tokens, keys_and_values = self.options.num_virtual_tokens, _keys_and_values(shape)
        if not self.options.prefix_projection:
            return tokens * keys_and_values
        width = keys_and_values // (2 * shape.layers)
        inner = self.options.encoder_hidden_size or shape.hidden_size
        return tokens * width + (width + 1) * inner + (inner + 1) * keys_and_values

    def config(self, base: Any) -> Any:
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(
            num_virtual_tokens=self.options.num_virtual_tokens,
            prefix_projection=self.options.prefix_projection,
            encoder_hidden_size=self.options.encoder_hidden_size or base.config.hidden_size,
            task_type="CAUSAL_LM",
        )


SEPARATE, FUSED = ("k_proj", "v_proj"), ("c_attn", "query_key_value", "qkv_proj")
OTHER_STATES = {"linear_attn", "mamba", "mixer", "conv", "temporal_block"}
"""Parts of layers that keep a state instead of keys and values."""
OTHER_CACHES = {"FalconForCausalLM", "GPTBigCodeForCausalLM"}
"""Architectures whose cache PEFT 0.21 does not fill as they read it."""


def _keys_and_values(shape: ModelShape) -> int:
    """Return the widths of keys and values of all layers together.

    Raises:
        ConfigInvalid: layers keep something else.
    """
    layers = layer_children(shape.tensors)
    by_name: dict[str, list[tuple[int, int]]] = {}
    for name, size in shape.linear.items():
        by_name.setdefault(name.removesuffix(".weight").rpartition(".")[2], []).append(size)
    others = any(children & OTHER_STATES for children in layers.values()) or shape.architecture in OTHER_CACHES
    separate = [size for name in SEPARATE for size in by_name.get(name, [])]
    fused = [size for name in FUSED for size in by_name.get(name, [])]
    if not others and len(separate) == 2 * shape.layers:
        return sum(rows for rows, _ in separate)
    if not others and len(fused) == shape.layers:
        return sum(max(size) - shape.hidden_size for size in fused)
    text = f"tuner.use: prefix needs keys and values in every layer, and {shape.architecture} has others"
    raise ConfigInvalid(text, next_step="take lora")
