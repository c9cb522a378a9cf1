"""A tuner that writes a small file and counts its steps; it survives being stopped like a real one."""

from ftctl.domain import event as events
from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.format import PEFT_ADAPTER
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import TrainingDiverged
from ftctl.plugin import count_rows, option, options
from ftctl.ports.context import StageContext
from ftctl.ports.objective import Objective
from ftctl.ports.tuner import Tuner


@options
class FakeTunerOptions:
    rank: int = option(4, help="A number.", ge=1, le=64)
    steps: int = option(3, help="How many steps.", ge=1)
    diverge_at: int = option(0, help="The step at which the loss is no longer finite; 0: never.", ge=0)


class FakeTuner(Tuner):
    """Leaves the count of its steps in ``context.work``, and goes on from there."""

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
            context.emit(events.STEP_FINISHED, step=step, total=self._options.steps, loss=1 / step)
            progress.write_text(str(step))
        text = f"{self._options.rank} {count_rows(data, 'train')} {context.seed}"
        (context.out / "weights.txt").write_text(text)
        return Draft("adapter", PEFT_ADAPTER, {"training": {"steps": self._options.steps}})
