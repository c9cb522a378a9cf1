"""``lora``: low-rank adapters. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021."""

from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.format import PEFT_ADAPTER
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import StageContext, Tuner
from ftctl_adapters.training.footprint import estimate
from ftctl_adapters.training.options import TrainingOptions


@options
class LoraOptions(TrainingOptions):
    rank: int = option(8, help="Rank of the update matrices.", ge=1)
    lora_alpha: int | None = option(None, help="Scale of the update is lora_alpha / rank; null: twice the rank.", ge=1)
    lora_dropout: float = option(0.0, help="Dropout before the update.", ge=0, lt=1)
    target_modules: str = option("all-linear", help="`all-linear`, or names of modules, separated by commas.")


class LoraTuner(Tuner):
    """Trains A (rank × in) and B (out × rank) for every targeted weight (out × in)."""

    def __init__(self, options: LoraOptions) -> None:
        self._options = options

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        rank = self._options.rank
        targeted = [size for name, size in shape.linear.items() if self._targets(name)]
        if not targeted:
            raise ConfigInvalid(f"tuner.target_modules: {self._options.target_modules!r} matches no layer of the model")
        narrowest = min(min(size) for size in targeted)
        if rank > narrowest:
            raise ConfigInvalid(f"tuner.rank: must be at most {narrowest}, the model's narrowest layer, not {rank}")
        trained = sum(rank * (rows + columns) for rows, columns in targeted)
        return estimate(shape, trained, self._options, train_rows)

    def labels(self, model: Artifact, data: Artifact, count: int) -> list[str]:
        from ftctl_adapters.training.session import labelled

        return labelled(model, data, self._options, count)

    def tune(self, model: Artifact, data: Artifact, context: StageContext) -> Draft:
        from ftctl_adapters.training.session import train

        return train(model, data, self._options, context, self._adapt, _save, PEFT_ADAPTER)

    def _targets(self, tensor: str) -> bool:
        wanted = self._options.target_modules
        module = tensor.removesuffix(".weight")
        return wanted == "all-linear" or any(module.endswith(f".{name.strip()}") for name in wanted.split(","))

    def _adapt(self, base: Any) -> Any:
        from peft import LoraConfig, get_peft_model

        chosen = self._options.target_modules
        config = LoraConfig(
            r=self._options.rank,
            lora_alpha=self._options.lora_alpha or 2 * self._options.rank,
            lora_dropout=self._options.lora_dropout,
            target_modules=chosen if chosen == "all-linear" else [name.strip() for name in chosen.split(",")],
            task_type="CAUSAL_LM",
        )
        return get_peft_model(base, config)


def _save(tuned: Any, out: Path) -> None:
    from ftctl_adapters.modeling.save import save_adapter

    save_adapter(tuned, out)
