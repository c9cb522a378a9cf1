"""Run a trial: the run file with the searched values, as far as its metric needs."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.application.run_result import RunResult
from ftctl.application.spec import RunSpec
from ftctl.domain.codec import digest
from ftctl.domain.event import STEP_FINISHED
from ftctl.errors import ConfigInvalid, TrainingDiverged
from ftctl_adapters.config.compose import compose
from ftctl_adapters.search.space import VALIDATION_LOSS, Range, Space
from ftctl_adapters.search.study import Outcome, Watch

PHASES = {VALIDATION_LOSS: "tune", "tuned": "evaluate", "compressed": "compress"}


@frozen
class RunTrial:
    """Trial function; call it with the values of a trial."""

    app: App
    run_file: Path
    settings: Sequence[str]
    space: Space

    def check(self) -> None:
        """Plan a trial at one end of every range, so that mistakes are reported before anything runs.

        Raises:
            ConfigInvalid: a searched key is not known, or the run could not begin.
        """
        values = {path: _one_end(given) for path, given in self.space.ranges.items()}
        make_plan(self.app, self._spec(values), self._phase())

    def __call__(self, values: dict[str, Any], watch: Watch) -> Outcome:
        spec = self._spec(values)
        plan = make_plan(self.app, spec, self._phase())
        result = run(self.app, plan, once=True, on_ready=lambda result: None, watch=watch)
        return Outcome(result.run_id, self._value(result))

    def _spec(self, values: dict[str, Any]) -> RunSpec:
        chosen = [f"{path}={json.dumps(value)}" for path, value in values.items()]
        document = compose(self.run_file, {}, [*self.settings, *chosen]) | {"monitors": [], "server": "none"}
        return resolve(document, self.app.registry, self.app.environments)

    def _phase(self) -> str:
        return PHASES[self.space.metric.partition(".")[0]]

    def _value(self, result: RunResult) -> float:
        subject, _, name = self.space.metric.partition(".")
        if name:
            found = result.metrics.get(subject, {})
            if name not in found:
                raise ConfigInvalid(f"no metric {self.space.metric!r}; there are {', '.join(sorted(found)) or 'none'}")
            return _finite(float(found[name].value), self.space.metric)
        events = self.app.journals.open(result.run_id).events()
        losses = [event.data.get("validation_loss") for event in events if event.kind == STEP_FINISHED]
        measured = [float(loss) for loss in losses if loss is not None]
        if not measured:
            raise ConfigInvalid("there is no validation loss", next_step="give data_source.split.validation a share")
        return _finite(min(measured), VALIDATION_LOSS)


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise TrainingDiverged(f"{name} is {value}")
    return value


def _one_end(given: Range) -> Any:
    end = given.choices[0] if given.choices else given.low
    return int(end) if not given.choices and given.whole and end is not None else end


def name_of(run_file: Path, settings: Sequence[str], space: Space) -> str:
    """Return the search's folder name, from run, space and metric; the budget does not matter."""
    searched = [
        run_file.read_text(encoding="utf-8"),
        list(settings),
        space.metric,
        space.towards,
        space.parameters,
        space.seed,
    ]
    return f"{run_file.stem}-{digest(searched)[:10]}"
