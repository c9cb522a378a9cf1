"""``freeze``: train the last layers, freeze the others."""

from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl_adapters.modeling.layer_names import LAYER
from ftctl_adapters.training.engine_tuner import WholeModelTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class FreezeOptions(TrainingOptions):
    """Options of `FreezeTuner`."""

    learning_rate: float = option(2e-5, help="Peak learning rate.", gt=0, lt=1)
    trainable_layers: int = option(2, help="Number of trained layers, counted from the last; 0: none.", ge=0)
    trainable_modules: tuple[str, ...] = option(
        (), help="Further parameters to train: parts of their names, e.g. [lm_head, norm]."
    )


class FreezeTuner(WholeModelTuner[FreezeOptions]):
    """Trains whole layers and saves a whole model."""

    def trained(self, shape: ModelShape) -> int:
        if self.options.trainable_layers > shape.layers:
            wanted = self.options.trainable_layers
            raise ConfigInvalid(f"tuner.trainable_layers: the model has {shape.layers} layers, not {wanted}")
        for part in self.options.trainable_modules:
            if not any(part in name for name in shape.tensors):
                raise ConfigInvalid(f"tuner.trainable_modules: {part!r} is in no parameter's name of this model")
        count = shape.count(lambda name: self._wanted(name, shape.layers))
        if not count:
            raise ConfigInvalid("tuner: trainable_layers is 0 and trainable_modules is empty: nothing would be trained")
        return count

    def frozen(self, shape: ModelShape) -> int:
        head = "lm_head.weight" if "lm_head.weight" in shape.tensors else "model.embed_tokens.weight"
        return 0 if self._wanted(head, shape.layers) else shape.vocabulary * shape.hidden_size

    def adapt(self, base: Any) -> Any:
        for name, parameter in base.named_parameters():
            parameter.requires_grad_(self._wanted(name, base.config.num_hidden_layers))
        return base

    def _wanted(self, name: str, layers: int) -> bool:
        place = LAYER.match(name)
        if place and int(place[1]) >= layers - self.options.trainable_layers:
            return True
        return any(part in name for part in self.options.trainable_modules)
