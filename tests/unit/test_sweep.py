"""The learning-rate range test rises rate by rate, stops when the loss runs away, and suggests a rate."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ftctl.domain.event import STEP_FINISHED
from ftctl.errors import NoUsableRows
from ftctl.ports.context import StageContext
from ftctl_adapters.training import sweep as module


class Learner:
    """An engine whose loss falls at rates from 1e-4 to 1e-2, and runs away above ``high``."""

    high = 0.1

    def __init__(self, *_: Any) -> None:
        self.loss = 4.0

    def backward(self, _batches: Any) -> tuple[float, dict[str, Any]]:
        return self.loss, {}

    def update(self, rate: float) -> None:
        self.loss += 1000 if rate > self.high else -0.1 if 1e-4 < rate < 1e-2 else 0


def swept(context: StageContext) -> Any:
    batch = SimpleNamespace(mask=np.ones((2, 5)))
    rows: Any = SimpleNamespace(lengths=np.full(8, 5), batch=lambda numbers, pad: batch)
    options: Any = SimpleNamespace(per_device_train_batch_size=2, gradient_accumulation_steps=1)
    objective: Any = None
    return module.sweep(SimpleNamespace(train=lambda: None), objective, rows, options, 0, context)


def test_rates_rise_until_the_loss_runs_away(context: StageContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Engine", Learner)
    found = swept(context)
    rates = [rate for rate, _ in found.points]
    assert rates[0] == module.LOWEST
    assert rates == sorted(set(rates))
    assert 0.1 < rates[-1] < 0.3, "it goes on for no more than a few rates"
    assert 1e-4 < found.suggested < 2e-2, "the last rate of the window in which it fell most"
    told = [data["learning_rate"] for kind, data in context.settings["events"] if kind == STEP_FINISHED]
    assert told == rates


def test_a_loss_that_runs_away_at_once_is_an_error(context: StageContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Engine", type("Wild", (Learner,), {"high": 0}))
    with pytest.raises(NoUsableRows, match="ran away"):
        swept(context)
