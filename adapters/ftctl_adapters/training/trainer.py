"""Training loop: one optimizer step after another, checked, reported, and safe to stop."""

import math
import resource
import sys
import time
from pathlib import Path

from attrs import define, field

from ftctl.domain import event as events
from ftctl.errors import ArtifactCorrupt
from ftctl.faults import fault
from ftctl.ports import StageContext
from ftctl_adapters.training.checkpoint import (
    Logged,
    TrainState,
    checkpoint_path,
    drop_old,
    load_checkpoint,
    load_tensors,
    newest_checkpoint,
    save_checkpoint,
    usable,
)
from ftctl_adapters.training.divergence import FIRST_ROWS, is_outlier, refuse_divergence, refuse_not_finite
from ftctl_adapters.training.engines.engine import Counted, Engine
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.sample_order import Step, epoch_steps, spread
from ftctl_adapters.training.schedule import learning_rate, warmup_steps
from ftctl_adapters.training.snapshot import Snapshot
from ftctl_adapters.training.training_rows import Rows

DEFAULT_SAVE_STEPS = 50
NAMED_ROWS = 8
"""Rows that a warning about a step names."""
QUIET_SECONDS = 15.0
"""Without a logged step, after so long it is told how far training is."""


@define
class Trainer:
    """Trainer of one engine; ``spec`` identifies the run for its checkpoints.

    Each of several processes has its own trainer over the same rows. All take the same decisions; only rank 0 writes
    files and emits events.
    """

    engine: Engine
    train: Rows
    validation: Rows
    context: StageContext
    pad_id: int
    spec: str
    state: TrainState = field(init=False)
    _saved: int = -1
    _tokens: int = 0
    _all_tokens: int = 0
    _since: float = field(factory=time.monotonic)
    _told: float = field(factory=time.monotonic)

    def __attrs_post_init__(self) -> None:
        together = self.options.gradient_accumulation_steps * self.engine.group.world
        self.state = TrainState(batches_a_step=together)

    @property
    def options(self) -> TrainingOptions:
        """Training options."""
        return self.engine.options

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.context.work / "checkpoints"

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch."""
        batches = math.ceil(len(self.train) / self.options.per_device_train_batch_size)
        return math.ceil(batches / self.state.batches_a_step)

    @property
    def total(self) -> int:
        """Optimizer steps that are planned."""
        planned = self.steps_per_epoch * self.options.num_train_epochs
        return planned if self.options.max_steps < 0 else self.options.max_steps

    def run(self) -> TrainState:
        """Train to the end, from the newest checkpoint if there is one.

        Raises:
            TrainingDiverged: the loss is not finite, or its running mean diverged; the last finite checkpoint stays.
            Interrupted: asked to stop; a checkpoint was written first.
        """
        self._resume()
        self._warn_of_warmup()
        self.engine.model.train()
        started = time.monotonic()
        if self.options.divergence_ratio is not None and self.state.first_loss is None:
            self.state.first_loss = self._loss_before()
        while not self._over():
            self._epoch(self.state.step // self.steps_per_epoch)
        if self._saved != self.state.step:
            self._save()
        self._finished(time.monotonic() - started)
        if self.options.load_best_model_at_end and self.state.best_step:
            self._load_best()
        return self.state

    def _warn_of_warmup(self) -> None:
        warmup = warmup_steps(self.options, self.total)
        if 0 < self.total <= warmup:
            text = (
                f"all {self.total} steps are warm-up ({warmup}), so the rate stays below its peak; lower warmup_steps"
            )
            self.context.emit(events.WARNING_RAISED, message=f"{text} or warmup_ratio")

    def _finished(self, seconds: float) -> None:
        (tokens,) = self.engine.group.sum([self._all_tokens])
        told = {"seconds": seconds, "tokens": int(tokens), "tokens_per_second": tokens / max(seconds, 1e-9)}
        self.context.emit(events.TRAINING_FINISHED, **told)

    def _load_best(self) -> None:
        best = checkpoint_path(self.checkpoints, self.state.best_step)
        first = self.engine.group.rank == 0
        if first and not usable(best, self.spec):
            text = f"{best} holds the best weights and is damaged"
            raise ArtifactCorrupt(text, next_step=f"remove {self.checkpoints} to train again")
        self.engine.load(self.engine.group.share(load_tensors(best) if first else {}))
        told = {"step": self.state.best_step, "total": self.total, "validation_loss": self.state.best_loss}
        self.context.emit(events.WEIGHTS_CHOSEN, **told)

    def _resume(self) -> None:
        """Resume from the newest checkpoint, which only rank 0 needs to have."""
        group = self.engine.group
        found = newest_checkpoint(self.checkpoints, self.spec) if group.rank == 0 else None
        if not group.any(found is not None):
            return
        state, snapshot = load_checkpoint(found) if found else (self.state, Snapshot({}, {}, {}))
        self.state = group.tell(state)
        snapshot.shared(self.engine).restore(self.engine, f"{self.context.seed}/{self.state.step}")
        self._saved = self.state.step
        self.context.emit(events.TRAINING_RESUMED, step=self.state.step, total=self.total)

    def _over(self) -> bool:
        patience = self.options.early_stopping_patience
        tired = patience is not None and self.state.evaluations_without_gain >= patience
        return self.state.step >= self.total or tired

    def _loss_before(self) -> float:
        """Return the loss before training over a few rows spread over the epoch."""
        rows, size = spread(self._steps(0), FIRST_ROWS), self.options.per_device_train_batch_size
        loss = self._mean_loss(self.train, [rows[start : start + size] for start in range(0, len(rows), size)])
        refuse_not_finite(loss, 0.0, self.state.step)
        return loss

    def _mean_loss(self, rows: Rows, batches: list[list[int]]) -> float:
        mine = self.engine.group.part(batches)
        return self.engine.mean_loss((rows.batch(numbers, self.pad_id), counts) for numbers, counts in mine)

    def _steps(self, epoch: int) -> list[Step]:
        size, together = self.options.per_device_train_batch_size, self.state.batches_a_step
        return epoch_steps(self.train.lengths, size, together, self.context.seed, epoch)

    def _epoch(self, epoch: int) -> None:
        for step in self._steps(epoch)[self.state.step % self.steps_per_epoch :]:
            if self.engine.group.any(self.context.cancelled()):
                self._save()
                self.context.stop()
            self._step(step)
            self._after_step()
            if self._over():
                return

    def _step(self, numbers: Step) -> None:
        """Take one optimizer step; the loss is the mean over all units of its batches, however they are divided."""
        fault("train.step.before")
        kind, warmup = self.options.lr_scheduler_type, warmup_steps(self.options, self.total)
        rate = learning_rate(self.options.learning_rate, kind, self.state.step, self.total, warmup)
        batches = self._mine(numbers)
        total, more = self.engine.backward(batches)
        refuse_not_finite(total, 0.0, self.state.step + 1)
        if is_outlier(total, self.state, self.options.divergence_ratio):
            self._tell_outlier(total, numbers)
        refuse_divergence(total, self.state, self.options.divergence_ratio)
        norm = self.engine.update(rate)
        # an overflow in 16 bits is no divergence: the scaler skips the step and lowers its scale
        refuse_not_finite(total, 0.0 if self.engine.scaler.is_enabled() else norm, self.state.step + 1)
        self.state.step += 1
        seen = sum(int(batch.mask.sum()) for batch, counts in batches if counts)
        self._tokens += seen
        self._all_tokens += seen
        if self.state.step % self.options.logging_steps == 0 or self.state.step in (1, self.total):
            self._report(total, rate, norm, more)
        elif time.monotonic() - self._told > QUIET_SECONDS:
            # no part of the history, which must not depend on the machine's pace
            self._told = time.monotonic()
            self.context.emit(events.PROGRESS_MADE, done=self.state.step, total=self.total, unit="steps")

    def _tell_outlier(self, loss: float, numbers: Step) -> None:
        places = self.train.where([row for batch in numbers for row in batch])
        more = f" and {len(places) - NAMED_ROWS} more" if len(places) > NAMED_ROWS else ""
        text = f"step {self.state.step + 1} has a loss of {loss:.4g}, far above all before"
        self.context.emit(events.WARNING_RAISED, message=f"{text}; its rows: {', '.join(places[:NAMED_ROWS])}{more}")

    def _mine(self, numbers: Step) -> list[Counted]:
        """Return this process's share of the batches of a step."""
        return [(self.train.batch(rows, self.pad_id), counts) for rows, counts in self.engine.group.part(numbers)]

    def _report(self, loss: float, rate: float, norm: float, more: dict[str, float]) -> None:
        seconds = max(time.monotonic() - self._since, 1e-9)
        (tokens,) = self.engine.group.sum([self._tokens])
        self._tokens, self._since = 0, time.monotonic()
        self._told = self._since
        self.state.history.append(Logged(self.state.step, loss, rate))
        self.context.emit(
            events.STEP_FINISHED,
            step=self.state.step,
            total=self.total,
            epoch=self.state.step / self.steps_per_epoch,
            loss=loss,
            learning_rate=rate,
            grad_norm=norm,
            tokens_per_second=round(tokens / seconds, 1),
            rss_bytes=peak_rss_bytes(),
            **more,
        )

    def _after_step(self) -> None:
        step, last = self.state.step, self.state.step >= self.total
        epoch_ended = step % self.steps_per_epoch == 0
        evaluate = step % self.options.eval_steps == 0 if self.options.eval_steps else epoch_ended
        improved = self._evaluate() if (evaluate or last) and self.validation else False
        interval = self.options.save_steps or DEFAULT_SAVE_STEPS
        if step % interval == 0 or (epoch_ended and not self.options.save_steps) or improved:
            self._save()

    def _evaluate(self) -> bool:
        """Measure the validation loss; return whether it is the best so far."""
        batches = self.validation.sorted_numbers(self.options.per_device_train_batch_size)
        loss = self._mean_loss(self.validation, batches)
        refuse_not_finite(loss, 0.0, self.state.step)
        state, threshold = self.state, self.options.early_stopping_threshold
        improved = state.best_loss is None or loss < state.best_loss
        if improved:
            state.best_loss, state.best_step = loss, state.step
        gained = state.gained_loss is None or loss < state.gained_loss - threshold
        state.gained_loss = loss if gained else state.gained_loss
        state.evaluations_without_gain = 0 if gained else state.evaluations_without_gain + 1
        self.state.history.append(Logged(self.state.step, validation_loss=loss))
        self.context.emit(events.STEP_FINISHED, step=self.state.step, total=self.total, validation_loss=loss)
        return improved

    def _save(self) -> None:
        snapshot = Snapshot.of(self.engine)
        if self.engine.group.rank == 0:
            save_checkpoint(self.checkpoints, self.state, snapshot, self.spec)
            drop_old(self.checkpoints, self.options.save_total_limit, self.state.best_step)
        self._saved = self.state.step
        self.context.emit(events.CHECKPOINT_SAVED, step=self.state.step)


def peak_rss_bytes() -> int:
    """Return the peak memory of this process in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
