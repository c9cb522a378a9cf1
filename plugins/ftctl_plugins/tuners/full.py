"""``full``: every weight is trained."""

from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.plugin import option, options
from ftctl.ports import StageContext, Tuner
from ftctl_adapters.training.footprint import estimate
from ftctl_adapters.training.options import TrainingOptions


@options
class FullOptions(TrainingOptions):
    learning_rate: float = option(2e-5, help="Peak learning rate.", gt=0, lt=1)


class FullTuner(Tuner):
    """The whole model learns, and a whole model comes out."""

    def __init__(self, options: FullOptions) -> None:
        self._options = options

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        return estimate(shape, shape.parameters, self._options, train_rows)

    def labels(self, model: Artifact, data: Artifact, count: int) -> list[str]:
        from ftctl_adapters.training.session import labelled

        return labelled(model, data, self._options, count)

    def tune(self, model: Artifact, data: Artifact, context: StageContext) -> Draft:
        from ftctl_adapters.training.session import train

        return train(model, data, self._options, context, _adapt, _save, HF)


def _adapt(base: Any) -> Any:
    for parameter in base.parameters():
        parameter.requires_grad_(True)
    return base


def _save(tuned: Any, out: Path) -> None:
    from ftctl_adapters.modeling.save import save_model

    save_model(tuned, out)
