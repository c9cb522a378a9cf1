"""Search by Optuna: tree-structured Parzen estimator, median pruning, a study in SQLite.

Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011; Golovin et al., Google Vizier, 2017 (median rule).
"""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, frozen

from ftctl.domain.event import STEP_FINISHED, Event
from ftctl.errors import DataError, FtctlError, GateError, Interrupted, UsageError
from ftctl_adapters.search.space import VALIDATION_LOSS, Range, Space

FAILED = "failed"
"""Attribute of a trial that failed by itself, with the reason."""

REPEATED = "repeated"
"""Attribute of a trial whose values another had, so that it was not run."""

Watch = Callable[[Event], None]


class Pruned(Interrupted):
    """Raised when a trial is stopped because others were better by then."""


@frozen
class Outcome:
    """Result of a trial: its run and its value."""

    run_id: str
    value: float


Trial = Callable[[dict[str, Any], Watch], Outcome]
"""Runs one trial: values by path, and a watcher that may stop it; raises `FtctlError` when it failed."""


@define
class Search:
    """Search until the budget is spent; ``folder`` holds the study, which the same search continues."""

    space: Space
    folder: Path
    run_trial: Trial
    tell: Callable[[str], None]

    def go(self, trials: int | None = None, minutes: float | None = None) -> dict[str, Any]:
        """Search, and return the result.

        Raises:
            UsageError: a trial could not even be planned.
            Interrupted: a signal came; finished trials are kept.
        """
        study = self._open()
        for trial in self._left_over(study):
            study.tell(trial.number, state=_optuna().trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
        wanted, limit = trials or self.space.trials, minutes or self.space.minutes
        deadline = time.monotonic() + limit * 60 if limit else None
        while len(self._done(study)) < wanted and (deadline is None or time.monotonic() < deadline):
            untried = self._untried(study)
            if untried == []:
                self.tell("every combination of the space has been tried")
                break
            self._one(study, untried)
        return self._summary(study)

    def _open(self) -> Any:
        optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        storage = f"sqlite:///{self.folder / 'study.db'}"
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4)
        study = optuna.create_study(
            storage=storage, study_name="search", load_if_exists=True, pruner=pruner, direction=self.space.towards
        )
        # another seed for every trial that was there: the same one would suggest the first values again
        study.sampler = optuna.samplers.TPESampler(seed=self.space.seed + len(study.trials))
        return study

    def _untried(self, study: Any) -> list[dict[str, Any]] | None:
        """Return the combinations that no trial had yet; ``None`` where they cannot be counted."""
        combinations = self.space.combinations()
        tried = [trial.params for trial in self._done(study)]
        return None if combinations is None else [one for one in combinations if one not in tried]

    def _ask(self, study: Any, untried: list[dict[str, Any]] | None) -> tuple[Any, dict[str, Any]]:
        """Return a trial and its values: those that the sampler suggests, or untried ones where it repeats itself."""
        while True:
            trial = study.ask()
            values = {path: suggest(trial, path, given) for path, given in self.space.ranges.items()}
            if untried is None or values in untried:
                return trial, values
            trial.set_user_attr(REPEATED, True)
            study.tell(trial, state=_optuna().trial.TrialState.FAIL)
            study.enqueue_trial(Random(f"{self.space.seed}/{trial.number}").choice(untried))  # noqa: S311

    def _one(self, study: Any, untried: list[dict[str, Any]] | None) -> None:
        optuna = _optuna()
        trial, values = self._ask(study, untried)
        number = len(shown(study))
        self.tell(f"trial {number}: " + "  ".join(f"{path}={value}" for path, value in values.items()))
        try:
            outcome = self.run_trial(values, self._watch(trial))
        except Pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            self.tell(f"trial {number}: stopped early, others were better by then")
        except (GateError, DataError) as error:
            trial.set_user_attr(FAILED, error.what)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            self.tell(f"trial {number}: failed: {error.what}")
        except FtctlError as error:
            # nothing that these values did: the search ends, and tries them again when it goes on
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            if not isinstance(error, UsageError):
                study.enqueue_trial(trial.params)
            raise
        else:
            trial.set_user_attr("run_id", outcome.run_id)
            study.tell(trial, outcome.value)
            self.tell(f"trial {number}: {self.space.metric} {outcome.value:.6g}")

    def _watch(self, trial: Any) -> Watch:
        """Report validation losses, and prune a trial worse than the median of the others."""
        if self.space.towards != "minimize" or self.space.metric != VALIDATION_LOSS:
            return lambda event: None

        def watch(event: Event) -> None:
            if event.kind == STEP_FINISHED and "validation_loss" in event.data:
                trial.report(event.data["validation_loss"], event.data["step"])
                if trial.should_prune():
                    raise Pruned("pruned")

        return watch

    def _left_over(self, study: Any) -> list[Any]:
        """Return trials that a killed search left; their runs continue."""
        return [trial for trial in study.trials if trial.state == _optuna().trial.TrialState.RUNNING]

    def _done(self, study: Any) -> list[Any]:
        """Return the trials that count: killed ones are tried again, failed ones are not."""
        states = _optuna().trial.TrialState
        ended = (states.COMPLETE, states.PRUNED)
        return [trial for trial in study.trials if trial.state in ended or FAILED in trial.user_attrs]

    def _summary(self, study: Any) -> dict[str, Any]:
        rows = [
            {
                "trial": number,
                "state": trial.state.name.lower(),
                "value": trial.value,
                "parameters": trial.params,
                "run_id": trial.user_attrs.get("run_id"),
            }
            for number, trial in enumerate(shown(study), 1)
        ]
        complete = [row for row in rows if row["state"] == "complete"]
        sign = -1 if self.space.towards == "maximize" else 1
        best = min(complete, key=lambda row: sign * row["value"], default=None)
        return {"metric": self.space.metric, "direction": self.space.towards, "best": best, "trials": rows}


def shown(study: Any) -> list[Any]:
    """Return the trials but those that only repeated another and were not run."""
    return [trial for trial in study.trials if REPEATED not in trial.user_attrs]


def suggest(trial: Any, path: str, given: Range) -> Any:
    """Suggest a value for the key."""
    if given.choices:
        return trial.suggest_categorical(path, list(given.choices))
    if given.by_integers:
        return trial.suggest_int(path, int(given.low or 0), int(given.high or 0), log=given.log)
    return trial.suggest_float(path, given.low, given.high, log=given.log)


def _optuna() -> Any:
    import optuna

    return optuna
