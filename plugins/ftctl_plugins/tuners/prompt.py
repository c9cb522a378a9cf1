"""``prompt``: virtual tokens before the input. Lester et al., The Power of Scale for Prompt Tuning, 2021."""

from typing import Any, ClassVar

from ftctl.domain.format import PEFT_PROMPT
from ftctl.domain.resources import ModelShape
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import PeftTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class PromptOptions(TrainingOptions):
    """Options of `PromptTuner`."""

    learning_rate: float = option(1e-2, help="Peak learning rate.", gt=0, lt=1)
    num_virtual_tokens: int = option(20, help="Number of virtual tokens.", ge=1)
    prompt_tuning_init_text: str = option("", help="Begin with the embeddings of this text; empty: at random.")


class PromptTuner(PeftTuner[PromptOptions]):
    """Trains virtual tokens before every input."""

    output_format: ClassVar[str] = PEFT_PROMPT

    def trained(self, shape: ModelShape) -> int:
        return self.options.num_virtual_tokens * shape.hidden_size

    def config(self, base: Any) -> Any:
        from peft import PromptTuningConfig

        text = self.options.prompt_tuning_init_text
        return PromptTuningConfig(
            num_virtual_tokens=self.options.num_virtual_tokens,
            num_attention_heads=1,  # of no meaning here; PEFT wants it, and not every config has it
            prompt_tuning_init="TEXT" if text else "RANDOM",
            prompt_tuning_init_text=text or None,
            tokenizer_name_or_path=base.name_or_path if text else None,
            task_type="CAUSAL_LM",
        )
