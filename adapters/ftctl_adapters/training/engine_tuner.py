"""Base classes of tuners over the training engine."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.format import HF, PEFT_ADAPTER, PEFT_PROMPT
from ftctl.domain.resources import ModelShape, ResourcePlan, TrainingData
from ftctl.domain.sweep import Sweep
from ftctl.errors import ConfigInvalid
from ftctl.ports import Objective, StageContext, Tuner
from ftctl_adapters.training.engines.choose import KEEPS_LAYOUTS, refuse_unsupported
from ftctl_adapters.training.memory_estimate import Held, memory_by_phase
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.resource_estimate import estimate

OptionsT = TypeVar("OptionsT", bound=TrainingOptions)


class EngineTuner(Tuner, Generic[OptionsT]):
    """Base of tuners that use the training engine's loop."""

    output_format: ClassVar[str]

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abstractmethod
    def trained(self, shape: ModelShape) -> int:
        """Return the number of trained parameters for a model of this shape.

        Raises:
            ConfigInvalid: the options do not fit the model.
        """

    @abstractmethod
    def adapt(self, base: Any) -> Any:
        """Make the loaded base model trainable, e.g. by wrapping it; trained parameters require gradients."""

    def load(self, folder: str) -> Any:
        """Load the base model."""
        from ftctl_adapters.modeling.load import load_base

        return load_base(folder, self.options.bf16, fp16=self.options.fp16)

    @abstractmethod
    def save(self, tuned: Any, out: Path) -> None:
        """Write the trained weights."""

    def weights(self, shape: ModelShape) -> int:
        """Return the bytes of the base model in memory; 0 if it has a single dtype."""
        return 0

    def frozen(self, shape: ModelShape) -> int:
        """Return the number of frozen parameters in kernels: of the head, and of layers under LoRA."""
        return shape.vocabulary * shape.hidden_size if self.output_format == PEFT_ADAPTER else 0

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        added = self.output_format != HF
        if self.options.fp16 and (self.options.bf16 or not added):
            reason = "bf16 is on too" if self.options.bf16 else "weights themselves are trained in bf16 or float32"
            raise ConfigInvalid(f"tuner.fp16: {reason}")
        refuse_unsupported(self.options)
        if self.output_format == PEFT_PROMPT:
            self._refuse_beside_virtual_tokens()
        return estimate(shape, self.options, self._held(shape), train_rows)

    def memory(self, shape: ModelShape, data: TrainingData) -> dict[str, int]:
        return memory_by_phase(shape, self.options, self._held(shape), data)

    def _held(self, shape: ModelShape) -> Held:
        frozen = self.frozen(shape) if self.options.engine in KEEPS_LAYOUTS else 0
        return Held(self.trained(shape), self.output_format != HF, self.weights(shape), frozen)

    def _refuse_beside_virtual_tokens(self) -> None:
        """Refuse options that PEFT and transformers would drop silently."""
        refused = {"packing": self.options.packing, "gradient_checkpointing": self.options.gradient_checkpointing}
        for name, on in refused.items():
            if on:
                raise ConfigInvalid(f"tuner.{name}: cannot be used with virtual tokens")

    def prepare(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> dict[str, Any]:
        from ftctl_adapters.training.check_rows import checked_rows
        from ftctl_adapters.training.tuning_task import Task

        return checked_rows(Task(self, model, data, objective, context))

    def labels(self, model: Artifact, data: Artifact, objective: Objective, count: int) -> list[str]:
        from ftctl_adapters.training.session import labelled

        return labelled(model, data, objective, self.options, count)

    def sweep(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Sweep:
        from ftctl_adapters.training.session import swept
        from ftctl_adapters.training.tuning_task import Task

        return swept(Task(self, model, data, objective, context))

    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        from ftctl_adapters.training.session import train
        from ftctl_adapters.training.tuning_task import Task

        return train(Task(self, model, data, objective, context))


class WholeModelTuner(EngineTuner[OptionsT]):
    """Base of tuners that train weights of the model, and save a whole model."""

    output_format: ClassVar[str] = HF

    def save(self, tuned: Any, out: Path) -> None:
        from ftctl_adapters.modeling.save import save_model

        save_model(tuned, out)


class PeftTuner(EngineTuner[OptionsT]):
    """Base of tuners that are a PEFT configuration, saved in PEFT's format."""

    output_format: ClassVar[str] = PEFT_ADAPTER

    @abstractmethod
    def config(self, base: Any) -> Any:
        """Return the `peft.PeftConfig`."""

    def adapt(self, base: Any) -> Any:
        from peft import get_peft_model

        return get_peft_model(base, self.config(base))

    def save(self, tuned: Any, out: Path) -> None:
        from ftctl_adapters.modeling.save import save_adapter

        save_adapter(tuned, out)
