"""A tuner that writes a small file and counts its steps; it survives being stopped like a real one."""

from ftctl.domain import event as events
from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.format import PEFT_ADAPTER
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import TrainingDiverged
from ftctl.plugin import count_rows, option, options
from ftctl.ports.context import StageContext
from ftctl.ports.objective import Batch, Objective
from ftctl.ports.tuner import Tuner

LOSS = "loss.json"
"""The file that says how well it knows its data: -log p a token."""


@options
class FakeTunerOptions:
    """Options of `FakeTuner`."""

    rank: int = option(4, help="A number.", ge=1, le=64)
    steps: int = option(3, help="Number of steps.", ge=1)
    diverge_at: int = option(0, help="The step at which the loss is no longer finite; 0: never.", ge=0)
    per_device_train_batch_size: int = option(4, help="Examples in one forward pass of a process.", ge=1)
    gradient_accumulation_steps: int = option(1, help="Forward passes a step.", ge=1)


class FakeTuner(Tuner):
    """Stores its number of steps in ``context.work``, and continues from there."""

    def __init__(self, options: FakeTunerOptions) -> None:
        self._options = options

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        return ResourcePlan(self._options.rank, shape.parameters, {"train": 1}, disk=1, steps=self._options.steps)

    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        progress = context.work / "steps"
        done = int(progress.read_text()) if progress.exists() else 0
        for step in range(done + 1, self._options.steps + 1):
            context.stop_if_cancelled()
            if step == self._options.diverge_at:
                raise TrainingDiverged(f"loss nan at step {step}")
            context.emit(events.STEP_FINISHED, step=step, total=self._options.steps, loss=self._loss(step, objective))
            progress.write_text(str(step))
        reached = self._loss(self._options.steps, objective)
        context.emit(events.STEP_FINISHED, step=self._options.steps, total=self._options.steps, validation_loss=reached)
        context.emit(events.TRAINING_FINISHED, seconds=0.0, tokens=0, tokens_per_second=0.0)
        text = f"{self._options.rank} {count_rows(data, 'train')} {context.seed}"
        (context.out / "weights.txt").write_text(text)
        (context.out / LOSS).write_text(str(reached))
        return Draft("adapter", PEFT_ADAPTER, {"training": {"steps": self._options.steps}})

    def _loss(self, step: int, objective: Objective) -> float:
        """Falls with the steps, whatever the objective makes of it."""
        batch = Batch(None, None, None, trained=1, rows=1)
        objective.loss(_NoModel(), batch)
        examples = self._options.per_device_train_batch_size * self._options.gradient_accumulation_steps
        return 1 / (step * examples)


class _NoModel:
    def token_losses(self, batch: Batch) -> tuple[float, int]:
        return 0.0, 0
