"""``adapter``: bottleneck adapters. Houlsby et al., 2019; Pfeiffer et al., AdapterFusion, 2021."""

from pathlib import Path
from typing import Any, ClassVar

from ftctl.domain.format import BOTTLENECK
from ftctl.domain.resources import ModelShape
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import EngineTuner
from ftctl_adapters.training.options import TrainingOptions


@options
class AdapterOptions(TrainingOptions):
    """Options of `AdapterTuner`."""

    learning_rate: float = option(1e-3, help="Peak learning rate.", gt=0, lt=1)
    bottleneck_size: int = option(32, help="Width of the small networks.", ge=1)
    placement: str = option(
        "houlsby",
        help="After attention and MLP (houlsby), or after the MLP only (pfeiffer).",
        choices=("houlsby", "pfeiffer"),
    )


class AdapterTuner(EngineTuner[AdapterOptions]):
    """Trains small networks after parts of each layer; they begin as the identity, the weights stay."""

    output_format: ClassVar[str] = BOTTLENECK

    def trained(self, shape: ModelShape) -> int:
        from ftctl_adapters.modeling.bottleneck import places

        size, hidden = self.options.bottleneck_size, shape.hidden_size
        return len(places(shape.tensors, self.options.placement)) * ((hidden + 1) * size + (size + 1) * hidden)

    def adapt(self, base: Any) -> Any:
        from ftctl_adapters.modeling.bottleneck import BottleneckConfig, attach

        config = BottleneckConfig(size=self.options.bottleneck_size, placement=self.options.placement)
        return attach(base.requires_grad_(False), config)

    def save(self, tuned: Any, out: Path) -> None:
        from ftctl_adapters.modeling.bottleneck import save_bottleneck

        save_bottleneck(tuned, out)
