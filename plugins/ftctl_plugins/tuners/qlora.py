"""``qlora``: LoRA on a 4-bit base model. Dettmers et al., QLoRA, 2023."""

from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl_adapters.training.engines.choose import SHARDED
from ftctl_plugins.tuners.lora import FROM_WEIGHTS, LoraOptions, LowRankTuner

BYTES = {True: 0.516, False: 0.5625}
"""Bytes a 4-bit weight with its scales, one a block of 64, themselves in 8 bits or in float32 (ibid., section 3)."""


@options
class QloraOptions(LoraOptions):
    """Options of `QloraTuner`."""

    bnb_4bit_quant_type: str = option("nf4", help="Data type of the base weights.", choices=("nf4", "fp4"))
    bnb_4bit_use_double_quant: bool = option(True, help="Quantise the scales too.")
    bnb_4bit_compute_dtype: str = option(
        "bfloat16", help="Dtype of matrix products.", choices=("bfloat16", "float16", "float32")
    )


class QloraTuner(LowRankTuner[QloraOptions]):
    """Trains LoRA on a quantised base; the adapter is an ordinary one, for the base as stored."""

    def trained(self, shape: ModelShape) -> int:
        if self.options.bf16 is not None or self.options.fp16:
            raise ConfigInvalid("tuner.bf16, tuner.fp16: the base is in 4 bits; bnb_4bit_compute_dtype says the rest")
        if self.options.init_lora_weights in FROM_WEIGHTS:
            raise ConfigInvalid(f"tuner.init_lora_weights: {self.options.init_lora_weights} needs a base in full width")
        if self.options.engine in SHARDED:
            raise ConfigInvalid(f"tuner.engine: {self.options.engine} divides tensors, and 4-bit weights cannot be")
        return super().trained(shape)

    def load(self, folder: str) -> Any:
        import torch
        from peft import prepare_model_for_kbit_training
        from transformers import BitsAndBytesConfig

        from ftctl_adapters.modeling.load import pretrained

        quantised = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=self.options.bnb_4bit_quant_type,
            bnb_4bit_use_double_quant=self.options.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=getattr(torch, self.options.bnb_4bit_compute_dtype),
        )
        model = pretrained(folder, quantization_config=quantised, device_map={"": "cpu"})
        for module in model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                # bitsandbytes repacks the weights at the first evaluation on a CPU, and cannot train on those
                module.support_avx512bf16_for_cpu = False
        return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)

    def weights(self, shape: ModelShape) -> int:
        linear = sum(rows * columns for rows, columns in shape.linear.values())
        return int(linear * BYTES[self.options.bnb_4bit_use_double_quant]) + (shape.parameters - linear) * 4
