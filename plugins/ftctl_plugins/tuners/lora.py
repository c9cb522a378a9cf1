"""``lora``: low-rank adapters. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021."""

import math
import shutil
import tempfile
import warnings
import weakref
from pathlib import Path
from typing import Any, TypeVar

from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl_adapters.training.engine_tuner import PeftTuner
from ftctl_adapters.training.options import ALL_LINEAR, TrainingOptions
from ftctl_plugins.tuners.lora_layers import targets_of

FROM_WEIGHTS = ("pissa", "olora")
"""Initialisations that take the adapter out of the base weights, and change those."""


@options
class LoraOptions(TrainingOptions):
    """Options of `LoraTuner`."""

    rank: int = option(8, help="Rank of the update matrices.", ge=1)
    lora_alpha: int | None = option(None, help="Scale of the update is lora_alpha / rank; null: twice the rank.", ge=1)
    lora_dropout: float = option(0.0, help="Dropout before the update.", ge=0, lt=1)
    target_modules: str = option(ALL_LINEAR, help="`all-linear`, or names of modules, separated by commas.")
    target_parameters: tuple[str, ...] = option(
        (), help="Tensors beside linear layers to update, by the ends of their names, e.g. `mlp.experts.down_proj`."
    )
    modules_to_save: tuple[str, ...] = option((), help="Modules trained whole and saved with the adapter.")
    use_dora: bool = option(False, help="Train direction and length of the weights apart (DoRA, Liu et al., 2024).")
    use_rslora: bool = option(False, help="Scale by lora_alpha / sqrt(rank) (rsLoRA, Kalajdzievski, 2023).")
    init_lora_weights: str = option(
        "default",
        help="Initialisation: default (B zero), gaussian, or from the weights (PiSSA, Meng et al., 2024; OLoRA, "
        "Büyükakyüz, 2024).",
        choices=("default", "gaussian", *FROM_WEIGHTS),
    )


LowRankT = TypeVar("LowRankT", bound=LoraOptions)


class LowRankTuner(PeftTuner[LowRankT]):
    """Trains A (rank × in) and B (out × rank) for every targeted weight (out × in)."""

    def trained(self, shape: ModelShape) -> int:
        rank = self.options.rank
        targets = targets_of(shape, self.options.target_modules)
        self._refuse_ends(shape)
        self._refuse_rank(targets.all)
        self._refuse_beside_parameters(experts=bool(targets.experts or targets.fused))
        for module in self.options.modules_to_save:
            if not any(_of_module(name, module) for name in shape.tensors):
                raise ConfigInvalid(f"tuner.modules_to_save: {module!r} is no module with weights of its own here")
        whole = shape.count(lambda name: any(_of_module(name, m) for m in self.options.modules_to_save))
        lengths = sum(rows for rows, _ in targets.layers) if self.options.use_dora else 0
        return targets.parameters(rank) + self._of_parameters(shape) + lengths + whole

    def _of_parameters(self, shape: ModelShape) -> int:
        """Return the number of parameters for the tensors that are named beside layers."""
        count = 0
        for named in self.options.target_parameters:
            sizes = [size for name, size in shape.tensors.items()
                     if f".{name}".endswith((f".{named}", f".{named}.weight"))]  # fmt: skip
            if not sizes:
                raise ConfigInvalid(f"tuner.target_parameters: no tensor of the model is named {named!r}")
            count += sum(self.options.rank * math.prod(size[:-2]) * sum(size[-2:]) for size in sizes)
        return count

    def _refuse_rank(self, targeted: list[tuple[int, int]]) -> None:
        """Refuse a rank that no targeted layer can have; a start from the weights needs it in every layer.

        Elsewhere, narrow layers such as routers and gates take more columns than they need, as PEFT makes them.
        """
        from_weights = self.options.init_lora_weights in FROM_WEIGHTS
        limit = (min if from_weights else max)(min(size) for size in targeted)
        if self.options.rank > limit:
            which = "narrowest" if from_weights else "widest"
            text = f"tuner.rank: must be at most {limit}, the model's {which} layer, not {self.options.rank}"
            raise ConfigInvalid(text)

    def _refuse_beside_parameters(self, *, experts: bool) -> None:
        """Refuse what PEFT 0.21 has for layers alone, where experts or other tensors are updated too."""
        if not (experts or self.options.target_parameters):
            return
        given = {
            "lora_dropout": self.options.lora_dropout > 0,
            "use_dora": self.options.use_dora,
            "init_lora_weights": self.options.init_lora_weights in FROM_WEIGHTS,
        }
        for name, on in given.items():
            if on:
                which = "experts" if experts else "target_parameters"
                text = f"tuner.{name}: is for layers alone, and {which} are tensors"
                step = "leave it out, or name layers: tuner.target_modules=q_proj,k_proj,v_proj,o_proj"
                raise ConfigInvalid(text, next_step=step)

    def frozen(self, shape: ModelShape) -> int:
        plain = not (self.options.lora_dropout or self.options.use_dora)
        layers = targets_of(shape, self.options.target_modules).layers if plain else []
        return super().frozen(shape) + sum(rows * columns for rows, columns in layers)

    def _refuse_ends(self, shape: ModelShape) -> None:
        """Refuse updates of a tensor that is both embedding and head, which cannot be merged."""
        named = {name.strip() for name in self.options.target_modules.split(",")} & {"lm_head", "embed_tokens"}
        if named and "lm_head.weight" not in shape.tensors:
            text = f"tuner.target_modules: {min(named)!r} is embedding and head at once in this model"
            raise ConfigInvalid(text, next_step="train it whole: tuner.modules_to_save")

    def adapter_config(self) -> dict[str, Any]:
        start = self.options.init_lora_weights
        return {
            "peft_type": "LORA",
            # one that began in the weights is saved as the difference of two
            "r": self.options.rank * (2 if start in FROM_WEIGHTS else 1),
            "use_dora": self.options.use_dora,
            "modules_to_save": list(self.options.modules_to_save) or None,
            "init_lora_weights": True if start in ("default", *FROM_WEIGHTS) else start,
        }

    def config(self, base: Any) -> Any:
        from peft import LoraConfig
        from transformers.pytorch_utils import Conv1D

        from ftctl_adapters.modeling.linear_layers import unusable_layers

        chosen, start = self.options.target_modules, self.options.init_lora_weights
        return LoraConfig(
            r=self.options.rank,
            lora_alpha=self.options.lora_alpha or 2 * self.options.rank,
            lora_dropout=self.options.lora_dropout,
            target_modules=chosen if chosen == ALL_LINEAR else [name.strip() for name in chosen.split(",")],
            exclude_modules=unusable_layers(base) if chosen == ALL_LINEAR else None,
            target_parameters=list(self.options.target_parameters) or None,
            # GPT-2's weights are (in, out)
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in base.modules()),
            modules_to_save=list(self.options.modules_to_save) or None,
            use_dora=self.options.use_dora,
            use_rslora=self.options.use_rslora,
            init_lora_weights=True if start == "default" else start,
            task_type="CAUSAL_LM",
        )

    def adapt(self, base: Any) -> Any:
        with warnings.catch_warnings():
            # PEFT doubles the rank of fused experts, and warns where a model's layers have none
            warnings.filterwarnings("ignore", message="The following (rank|alpha)_pattern keys did not match")
            tuned = super().adapt(base)
        if self.options.init_lora_weights in FROM_WEIGHTS:
            self._start = tempfile.mkdtemp(prefix="ftctl-start-")
            weakref.finalize(self, shutil.rmtree, self._start, ignore_errors=True)
            config = tuned.peft_config["default"]
            config.init_lora_weights = True
            tuned.save_pretrained(self._start)
            config.init_lora_weights = self.options.init_lora_weights
        return tuned

    def save(self, tuned: Any, out: Path) -> None:
        from ftctl_adapters.modeling.save import save_adapter

        start = self._start if self.options.init_lora_weights in FROM_WEIGHTS else None
        save_adapter(tuned, out, started_from=start)


def _of_module(tensor: str, module: str) -> bool:
    """Return True if PEFT counts the tensor among a module to save, by the end of its name."""
    return tensor.rpartition(".")[0].endswith(module)


class LoraTuner(LowRankTuner[LoraOptions]):
    """Trains LoRA on the base model as stored."""
