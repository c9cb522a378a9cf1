"""The training loop: one optimizer step after another, checked, reported, and safe to stop at any moment."""

import math
import resource
import sys
import time
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.domain import event as events
from ftctl.errors import ArtifactCorrupt, TrainingDiverged
from ftctl.faults import fault
from ftctl.ports import Objective, StageContext
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
from ftctl_adapters.training.micro_steps import backward
from ftctl_adapters.training.optimizers import make_optimizer, make_scaler
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.order import epoch_batches, grouped
from ftctl_adapters.training.rows import Rows
from ftctl_adapters.training.schedule import learning_rate, warmup_steps
from ftctl_adapters.training.validation import validation_loss

DEFAULT_SAVE_STEPS = 50
MARGIN = 1.0
"""A loss so close to the limit, in nats, is not divergence: losses near 0 may well double, and batches differ."""

SMOOTHING = 0.9
"""Share of the running mean loss that is kept at every step."""


@define
class Trainer:
    """Trains the parameters of ``model`` that ask for a gradient; ``spec`` identifies the run for its checkpoints."""

    model: Any
    objective: Objective
    train: Rows
    validation: Rows
    options: TrainingOptions
    context: StageContext
    pad_id: int
    spec: str
    state: TrainState = field(factory=TrainState)
    trained: dict[str, Any] = field(init=False)
    optimizer: Any = field(init=False)
    scaler: Any = field(init=False)
    steps_per_epoch: int = field(init=False)
    total: int = field(init=False)
    _tokens: int = 0
    _all_tokens: int = 0
    _since: float = field(factory=time.monotonic)

    def __attrs_post_init__(self) -> None:
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.optimizer = make_optimizer(self.trained, self.options)
        self.scaler = make_scaler(self.model, enabled=self.options.fp16)
        batches = math.ceil(len(self.train) / self.options.per_device_train_batch_size)
        self.steps_per_epoch = math.ceil(batches / self.options.gradient_accumulation_steps)
        planned = self.steps_per_epoch * self.options.num_train_epochs
        self.total = planned if self.options.max_steps < 0 else self.options.max_steps

    @property
    def checkpoints(self) -> Path:
        return self.context.work / "checkpoints"

    def run(self) -> TrainState:
        """Trains to the end, from the newest checkpoint where there is one.

        Raises:
            TrainingDiverged: the loss is no longer finite; the last finite checkpoint stays.
            Interrupted: asked to stop; a checkpoint was written first.
        """
        self._resume()
        self.model.train()
        started = time.monotonic()
        while not self._over():
            self._epoch(self.state.step // self.steps_per_epoch)
        if not usable(checkpoint_path(self.checkpoints, self.state.step), self.spec):
            self._save()
        self._finished(time.monotonic() - started)
        if self.options.load_best_model_at_end and self.state.best_step:
            self._load_best()
        return self.state

    def _finished(self, seconds: float) -> None:
        told = {
            "seconds": seconds,
            "tokens": self._all_tokens,
            "tokens_per_second": self._all_tokens / max(seconds, 1e-9),
        }
        self.context.emit(events.TRAINING_FINISHED, **told)

    def _load_best(self) -> None:
        best = checkpoint_path(self.checkpoints, self.state.best_step)
        if not usable(best, self.spec):
            text = f"{best} holds the best weights and is damaged"
            raise ArtifactCorrupt(text, next_step=f"remove {self.checkpoints} to train again")
        load_tensors(best, self.trained)
        told = {"step": self.state.best_step, "total": self.total, "validation_loss": self.state.best_loss}
        self.context.emit(events.WEIGHTS_CHOSEN, **told)

    def _resume(self) -> None:
        found = newest_checkpoint(self.checkpoints, self.spec)
        if found:
            self.state = load_checkpoint(found, self.trained, self.optimizer, self.scaler)
            self.context.emit(events.TRAINING_RESUMED, step=self.state.step, total=self.total)

    def _over(self) -> bool:
        patience = self.options.early_stopping_patience
        tired = patience is not None and self.state.evaluations_without_gain >= patience
        return self.state.step >= self.total or tired

    def _epoch(self, epoch: int) -> None:
        batches = epoch_batches(self.train.lengths, self.options.per_device_train_batch_size, self.context.seed, epoch)
        groups = grouped(batches, self.options.gradient_accumulation_steps)
        for group in groups[self.state.step % self.steps_per_epoch :]:
            if self.context.cancelled():
                self._save()
                self.context.stop()
            self._step(group)
            self._after_step()
            if self._over():
                return

    def _step(self, group: list[list[int]]) -> None:
        """One optimizer step; the loss is the mean over all units of the group, however it is divided."""
        import torch

        fault("train.step.before")
        rate = learning_rate(
            self.options.learning_rate,
            self.options.lr_scheduler_type,
            self.state.step,
            self.total,
            warmup_steps(self.options.warmup_steps, self.options.warmup_ratio, self.total),
        )
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = rate
        batches = [self.train.batch(numbers, self.pad_id) for numbers in group]
        total, more = backward(self.model, self.objective, batches, self.scaler)
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.max_grad_norm or math.inf)
        # gradients too large for 16 bits are no divergence: the scaler leaves that step out and scales less
        self._refuse_not_finite(total, 0.0 if self.scaler.is_enabled() else float(norm))
        self._refuse_divergence(total)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        seen = sum(int(batch.mask.sum()) for batch in batches)
        self._tokens += seen
        self._all_tokens += seen
        if self.state.step % self.options.logging_steps == 0 or self.state.step in (1, self.total):
            self._report(total, rate, float(norm), more)

    def _refuse_not_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        raise TrainingDiverged(
            f"loss {loss} and gradient norm {norm} at step {self.state.step + 1}: reason=nan_loss",
            next_step="lower tuner.learning_rate; the last finite checkpoint is kept",
        )

    def _refuse_divergence(self, loss: float) -> None:
        """Ends training whose running mean loss is far above its first loss."""
        state, ratio = self.state, self.options.divergence_ratio
        before = loss if state.smoothed_loss is None else state.smoothed_loss
        state.smoothed_loss = SMOOTHING * before + (1 - SMOOTHING) * loss
        state.first_loss = loss if state.first_loss is None else state.first_loss
        if ratio is None or state.smoothed_loss <= ratio * state.first_loss + MARGIN:
            return
        means = f"running mean loss {state.smoothed_loss:.4g}, first loss {state.first_loss:.4g}"
        raise TrainingDiverged(
            f"{means}, more than {ratio:g} times, at step {state.step + 1}: reason=diverged",
            next_step="lower tuner.learning_rate; the last checkpoint is kept; tuner.divergence_ratio is the limit",
        )

    def _report(self, loss: float, rate: float, norm: float, more: dict[str, float]) -> None:
        seconds = max(time.monotonic() - self._since, 1e-9)
        speed = self._tokens / seconds
        self._tokens, self._since = 0, time.monotonic()
        self.state.history.append(Logged(self.state.step, loss, rate))
        self.context.emit(
            events.STEP_FINISHED,
            step=self.state.step,
            total=self.total,
            epoch=self.state.step / self.steps_per_epoch,
            loss=loss,
            learning_rate=rate,
            grad_norm=norm,
            tokens_per_second=round(speed, 1),
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
        """Measures the validation loss; whether it is the best so far."""
        size = self.options.per_device_train_batch_size
        loss = validation_loss(self.model, self.objective, self.validation, size, self.pad_id)
        self._refuse_not_finite(loss, 0.0)
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
        save_checkpoint(self.checkpoints, self.state, self.trained, self.optimizer, self.scaler, self.spec)
        drop_old(self.checkpoints, self.options.save_total_limit, self.state.best_step)
        self.context.emit(events.CHECKPOINT_SAVED, step=self.state.step)


def peak_rss_bytes() -> int:
    """The most memory this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
