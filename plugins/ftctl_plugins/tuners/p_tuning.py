"""``p-tuning``: virtual tokens from a small network. Liu et al., GPT Understands, Too, 2021."""

from typing import Any, ClassVar

from ftctl.domain.format import PEFT_PROMPT
from ftctl.domain.resources import ModelShape
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import PeftTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class PTuningOptions(TrainingOptions):
    """Options of `PTuningTuner`."""

    learning_rate: float = option(3e-3, help="Peak learning rate.", gt=0, lt=1)
    num_virtual_tokens: int = option(20, help="Number of virtual tokens.", ge=1)
    encoder_hidden_size: int = option(128, help="Width of the network that makes them.", ge=1)


class PTuningTuner(PeftTuner[PTuningOptions]):
    """Trains virtual tokens through a network; the embeddings are saved, the network is not."""

    output_format: ClassVar[str] = PEFT_PROMPT

    def trained(self, shape: ModelShape) -> int:
        tokens, hidden, inner = self.options.num_virtual_tokens, shape.hidden_size, self.options.encoder_hidden_size
        return tokens * hidden + (hidden + 1) * inner + (inner + 1) * inner + (inner + 1) * hidden

    def config(self, base: Any) -> Any:
        from peft import PromptEncoderConfig

        return PromptEncoderConfig(
            num_virtual_tokens=self.options.num_virtual_tokens,
            num_attention_heads=1,  # of no meaning here; PEFT wants it, and not every config has it
            encoder_hidden_size=self.options.encoder_hidden_size,
            task_type="CAUSAL_LM",
        )
