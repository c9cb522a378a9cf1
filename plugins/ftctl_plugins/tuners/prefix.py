"""``prefix``: virtual keys and values in every layer. Li and Liang, Prefix-Tuning, 2021."""

from typing import Any, ClassVar

from ftctl.domain.format import PEFT_PROMPT
from ftctl.domain.resources import ModelShape
from ftctl.plugin import option, options
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
        tokens = self.options.num_virtual_tokens
        keys_and_values = sum(rows for name, (rows, _) in shape.linear.items() if "k_proj" in name or "v_proj" in name)
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
