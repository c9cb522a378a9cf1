"""``ia3``: scale keys, values and inner activations. Liu et al., Few-Shot Parameter-Efficient Fine-Tuning, 2022.

Liu et al., Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning, 2022.
"""

from typing import Any, ClassVar

from ftctl.domain.format import PEFT_IA3
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import PeftTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class Ia3Options(TrainingOptions):
    """Options of `Ia3Tuner`."""

    learning_rate: float = option(3e-3, help="Peak learning rate.", gt=0, lt=1)
    target_modules: tuple[str, ...] = option(("k_proj", "v_proj", "down_proj"), help="Layers that are scaled.")
    feedforward_modules: tuple[str, ...] = option(
        ("down_proj",), help="Target modules whose input is scaled; of the others the output is."
    )


class Ia3Tuner(PeftTuner[Ia3Options]):
    """Trains one factor for each output, or input, of every targeted layer."""

    output_format: ClassVar[str] = PEFT_IA3

    def trained(self, shape: ModelShape) -> int:
        self._refuse_missing(shape)
        count = 0
        for name, (rows, columns) in shape.linear.items():
            module = name.removesuffix(".weight").rpartition(".")[2]
            if module in self.options.target_modules:
                count += columns if module in self.options.feedforward_modules else rows
        return count

    def _refuse_missing(self, shape: ModelShape) -> None:
        """Refuse names that no layer has, and experts, which are tensors: a part of the method would be left out."""
        if any(".experts." in name for name in shape.tensors):
            text = "tuner.use: ia3 scales layers, and the experts of this model are tensors"
            raise ConfigInvalid(text, next_step="take lora")
        layers = {name.removesuffix(".weight").rpartition(".")[2] for name in shape.linear}
        missing = [name for name in self.options.target_modules if name not in layers]
        if missing or not self.options.target_modules:
            text = (
                f"tuner.target_modules: no layer is named {', '.join(missing)}; there are {', '.join(sorted(layers))}"
            )
            step = "name the layers that make keys and values, and the MLP's last in feedforward_modules too"
            raise ConfigInvalid(text, next_step=step)

    def config(self, base: Any) -> Any:
        from peft import IA3Config

        return IA3Config(
            target_modules=list(self.options.target_modules),
            feedforward_modules=list(self.options.feedforward_modules),
            task_type="CAUSAL_LM",
        )
