"""``full``: train all weights."""

from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import WholeModelTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class FullOptions(TrainingOptions):
    """Options of `FullTuner`."""

    learning_rate: float = option(2e-5, help="Peak learning rate.", gt=0, lt=1)


class FullTuner(WholeModelTuner[FullOptions]):
    """Trains all weights and saves a whole model."""

    def trained(self, shape: ModelShape) -> int:
        return shape.count(lambda name: True) or shape.parameters

    def adapt(self, base: Any) -> Any:
        return base.requires_grad_(True)
